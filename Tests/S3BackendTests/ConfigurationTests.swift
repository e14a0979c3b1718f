import S3Backend
import Testing

@Suite("Where S3 is, and with which credentials")
struct ConfigurationTests {
  private func refusal(
    _ endpoint: String = "https://s3.example", bucket: String = "records",
    region: String = "eu-central-1", prefix: String = ""
  ) -> String? {
    do throws(S3Configuration.Malformed) {
      _ = try S3Configuration(endpoint: endpoint, bucket: bucket, region: region, prefix: prefix)
      return nil
    } catch {
      return "\(error)"
    }
  }

  @Test("[attack] records go nowhere without TLS but to this machine")
  func plain() {
    for endpoint in [
      "http://s3.example", "http://127.0.0.1.example", "http://localhost.example",
      "http://10.0.0.1:9000", "ftp://127.0.0.1", "http://127.0.0.1@s3.example",
      "http://s3.example#127.0.0.1", "127.0.0.1", "https://", "https://user:word@s3.example",
      "https://s3.example/bucket", "https://s3.example?x=1", "",
    ] {
      #expect(refusal(endpoint) != nil, "\(endpoint)")
    }
    for endpoint in [
      "https://s3.example", "https://s3.example:9000/", "http://127.0.0.1:9000",
      "http://localhost:1", "http://[::1]:9000",
    ] {
      #expect(refusal(endpoint) == nil, "\(endpoint)")
    }
  }

  @Test("buckets, regions and prefixes are plain names")
  func names() {
    for bucket in ["ab", "", "A-b", "a/b", "a..b", ".ab", "ab?", String(repeating: "a", count: 64)]
    {
      #expect(refusal(bucket: bucket) != nil, "\(bucket)")
    }
    for region in ["", "eu central", "eu/1", String(repeating: "a", count: 65)] {
      #expect(refusal(region: region) != nil, "\(region)")
    }
    for prefix in [
      "/", "a/", "/a", "a//b", "..", "a/../b", "a b", String(repeating: "a", count: 201),
    ] {
      #expect(refusal(prefix: prefix) != nil, "\(prefix)")
    }
    #expect(refusal(bucket: "a.b-c", prefix: "clouds/north-1") == nil)
  }

  @Test("credentials are read from files of AWS's programs and from the environment")
  func credentials() {
    let file = """
      # of the cloud
      [other]
      aws_access_key_id = no
      [default]
      aws_access_key_id=AKIDEXAMPLE
       aws_secret_access_key =  a/b+c=  \t
      """
    #expect(S3Credentials(file: file) != nil)
    #expect(S3Credentials(file: "aws_access_key_id = a\naws_secret_access_key = b") != nil)
    for file in [
      "", "aws_access_key_id = a", "[other]\n" + file.dropFirst(50), "aws_access_key_id",
    ] {
      #expect(S3Credentials(file: file) == nil, "\(file)")
    }
    let environment = ["AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"]
    #expect(S3Credentials(environment: environment) != nil)
    #expect(S3Credentials(environment: ["AWS_ACCESS_KEY_ID": "a"]) == nil)
    #expect(S3Credentials(accessKey: "a\r\nx-evil: 1", secretKey: "b") == nil)
  }

  @Test("[attack] what prints credentials prints nothing of them")
  func secrecy() throws {
    let credentials = try #require(
      S3Credentials(accessKey: "AKIDEXAMPLE", secretKey: "very-secret", sessionToken: "a-token"))
    var dumped = ""
    dump(credentials, to: &dumped)
    for text in ["\(credentials)", String(reflecting: credentials), "\([credentials])", dumped] {
      for secret in ["AKID", "secret", "token"] { #expect(!text.contains(secret), "\(text)") }
    }
  }
}
