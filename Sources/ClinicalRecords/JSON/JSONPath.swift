import TerminalText

/// How people find a place in a JSON text, as `entry[2].resource.valueQuantity.value`.
enum JSONPath {
  private enum Frame {
    case object(key: Range<Int>?)
    case array(index: Int)
  }

  /// The path of the key or the value that begins at a place.
  ///
  /// - Parameter text: that is JSON up to there.
  static func path(to offset: Int, in text: [UInt8]) -> String {
    var frames: [Frame] = []
    var expectsKey = false
    var position = 0
    while position < text.count, position <= offset {
      switch text[position] {
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        if position == offset { return description(frames, text) }
        let isObject = text[position] == UInt8(ascii: "{")
        frames.append(isObject ? .object(key: nil) : .array(index: 0))
        expectsKey = isObject
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        frames.removeLast()
        expectsKey = false
      case UInt8(ascii: ","):
        if case .array(let index)? = frames.last {
          frames[frames.count - 1] = .array(index: index + 1)
        } else {
          expectsKey = true
        }
      case UInt8(ascii: "\""):
        let start = position
        position += 1
        while position < text.count, text[position] != UInt8(ascii: "\"") {
          position += text[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        if expectsKey, !frames.isEmpty {
          frames[frames.count - 1] = .object(key: start..<min(position + 1, text.count))
          expectsKey = false
        }
      default: break
      }
      position += 1
    }
    return description(frames, text)
  }

  private static func description(_ frames: [Frame], _ text: [UInt8]) -> String {
    var path = ""
    for frame in frames.prefix(32) {
      switch frame {
      case .array(let index): path += "[\(index)]"
      case .object(let key?):
        path += (path.isEmpty ? "" : ".") + printable(JSONValue.decode(text[key]))
      case .object(nil): break
      }
    }
    return path
  }
}
