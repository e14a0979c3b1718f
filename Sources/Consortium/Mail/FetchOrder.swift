/// The order in which the messages of one mailbox are fetched: what is of a role of this machine, then the first
/// of each source, then the next of each. Whatever was handed out more often and not answered is behind what was
/// so less often, among those of its source and among the first of all sources, and then what is newer.
struct FetchOrder: Sendable {
  /// Where a message stands among those of its source.
  private struct Place: Comparable {
    let tries: Int
    let number: UInt64

    init(_ mail: WaitingMail) { (tries, number) = (mail.tries, mail.number) }

    static func < (a: Self, b: Self) -> Bool { (a.tries, a.number) < (b.tries, b.number) }
  }

  /// The first that is due of a source.
  private struct First: Comparable {
    let place: Place
    let source: [UInt8]

    static func < (a: Self, b: Self) -> Bool { a.place < b.place }
  }

  /// One that was handed out and is not due yet.
  private struct Later: Comparable {
    let dueAt: UInt64
    let number: UInt64

    init(_ mail: WaitingMail) { (dueAt, number) = (mail.dueAt, mail.number) }

    static func < (a: Self, b: Self) -> Bool { (a.dueAt, a.number) < (b.dueAt, b.number) }
  }

  private var own = SortedSet<Place>()
  private var bySource: [[UInt8]: SortedSet<Place>] = [:]
  private var firsts = SortedSet<First>()
  private var later = SortedSet<Later>()
  /// The latest time at which any of those that are not due can have been handed out.
  private var latest: UInt64 = 0

  /// When the next message is due, where none is.
  var nextDue: UInt64? { own.isEmpty && firsts.isEmpty ? later.first?.dueAt : 0 }

  /// - Parameter now: is nil for what was not handed out yet.
  mutating func insert(_ mail: WaitingMail, at now: UInt64? = nil) {
    if let now, !mail.isDue(at: now) {
      later.insert(Later(mail))
      latest = max(latest, now)
    } else if mail.isOwn {
      own.insert(Place(mail))
    } else {
      change(mail.source) { $0.insert(Place(mail)) }
    }
  }

  /// - Parameter mail: as it was when it was put in.
  mutating func remove(_ mail: WaitingMail) {
    later.remove(Later(mail))
    if mail.isOwn { return own.remove(Place(mail)) }
    change(mail.source) { $0.remove(Place(mail)) }
  }

  private mutating func change(
    _ source: [UInt8], _ body: (inout SortedSet<Place>) -> Void
  ) {
    let before = bySource[source]?.first
    body(&bySource[source, default: SortedSet()])
    let after = bySource[source]?.first
    if after == nil { bySource[source] = nil }
    if before == after { return }
    if let before { firsts.remove(First(place: before, source: source)) }
    if let after { firsts.insert(First(place: after, source: source)) }
  }

  /// Takes up what has become due.
  ///
  /// - Parameter mail: gives a message by its number.
  mutating func pass(to now: UInt64, _ mail: (UInt64) -> WaitingMail?) {
    // A clock that is put back keeps nothing from anybody.
    if now < latest {
      for number in later.map(\.number) { take(number, mail) { $0.isDue(at: now) } }
      latest = now
    }
    while let first = later.first, first.dueAt <= now { take(first.number, mail) { _ in true } }
  }

  private mutating func take(
    _ number: UInt64, _ mail: (UInt64) -> WaitingMail?, where isDue: (WaitingMail) -> Bool
  ) {
    guard let mail = mail(number), isDue(mail) else { return }
    later.remove(Later(mail))
    insert(mail)
  }

  /// The numbers of the first that are due, at most so many.
  func first(_ limit: Int) -> [UInt64] {
    var found: [UInt64] = own.prefix(limit).map(\.number)
    let sources = firsts.prefix(limit - found.count)
    found += sources.map(\.place.number)
    // Of every source then, as long as there is room.
    var rest = sources.compactMap { bySource[$0.source]?.dropFirst().makeIterator() }
    while found.count < limit, !rest.isEmpty {
      var next: [Place] = []
      rest = rest.compactMap { iterator in
        var iterator = iterator
        guard let place = iterator.next() else { return nil }
        next.append(place)
        return iterator
      }
      found += next.sorted().prefix(limit - found.count).map(\.number)
    }
    return found
  }
}
