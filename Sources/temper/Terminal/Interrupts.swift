#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

// What the handler touches. It runs between any two instructions of the main thread, so these are plain words.
nonisolated(unsafe) private var policy: Int32 = 0
nonisolated(unsafe) private var pendingSignal: Int32 = 0
nonisolated(unsafe) private var pendingCount: Int32 = 0
nonisolated(unsafe) private var wakeUpEnd: Int32 = -1
nonisolated(unsafe) private var wakeDownEnd: Int32 = -1

/// Signals: who wants the program to stop.
///
/// At first an interrupt ends the program at once with exit code 130. After `set(.record)` it is recorded instead, and whoever
/// works asks `isRequested` now and then. A broken pipe is never a signal: the write that finds it fails.
enum Interrupts {
  /// What an interrupt does.
  enum Policy: Int32 {
    /// Ends the program.
    case leave = 0
    /// Is recorded; the third one that nobody has taken ends the program.
    case record = 1
    /// Is recorded, however often: the terminal is in a state that has to be restored.
    case recordOnly = 2
  }

  /// Sets the handlers up; to be called once, first.
  static func prepare() {
    signal(SIGPIPE, SIG_IGN)
    // A file that grows too large is an error of the write, too.
    signal(SIGXFSZ, SIG_IGN)
    install(SIGINT)
  }

  /// Chooses what an interrupt does from now on, and forgets recorded ones.
  static func set(_ new: Policy) {
    pendingSignal = 0
    pendingCount = 0
    policy = new.rawValue
  }

  /// Whether an interrupt was recorded.
  static var isRequested: Bool { pendingSignal != 0 }

  /// Acts as if an interrupt had come.
  static func request() { pendingSignal = SIGINT }

  /// The recorded signal, which is forgotten.
  static func take() -> Int32? {
    guard pendingSignal != 0 else { return nil }
    defer {
      pendingSignal = 0
      pendingCount = 0
    }
    return pendingSignal
  }

  /// Has a signal recorded (SIGTERM, SIGWINCH and so on), from now on until `release`.
  ///
  /// A signal that was ignored when the program started stays ignored.
  static func install(_ number: Int32) {
    guard !isIgnored(number) else { return }
    var action = sigaction()
    let handler: @convention(c) (Int32) -> Void = { number in
      if policy == Policy.leave.rawValue || policy == Policy.record.rawValue && pendingCount >= 2 {
        _exit(number == SIGINT ? 130 : 128 + number)
      }
      let savedError = errno
      // A window's new size must not hide an interrupt.
      if pendingSignal == 0 || number != SIGWINCH { pendingSignal = number }
      pendingCount += number == SIGINT ? 1 : 0
      var byte: UInt8 = 0
      if wakeUpEnd >= 0 { _ = write(wakeUpEnd, &byte, 1) }
      errno = savedError
    }
    #if canImport(Darwin)
      action.__sigaction_u.__sa_handler = handler
    #else
      action.__sigaction_handler.sa_handler = handler
    #endif
    action.sa_flags = SA_RESTART
    sigaction(number, &action, nil)
  }

  /// Gives a signal its default action back, unless it is ignored.
  static func release(_ number: Int32) {
    if !isIgnored(number) { signal(number, SIG_DFL) }
  }

  private static func isIgnored(_ number: Int32) -> Bool {
    var action = sigaction()
    sigaction(number, nil, &action)
    #if canImport(Darwin)
      let handler = action.__sigaction_u.__sa_handler
    #else
      let handler = action.__sigaction_handler.sa_handler
    #endif
    return unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Waits until there is something to read, or a signal was recorded.
  /// - Returns: whether there is something to read.
  static func waitForInput(_ descriptor: Int32) -> Bool {
    openPipe()
    while true {
      if isRequested { return false }
      var waiting = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
        pollfd(fd: wakeDownEnd, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&waiting, nfds_t(waiting.count), -1) >= 0 else {
        if errno == EINTR { continue }
        return true
      }
      if waiting[1].revents != 0 { drainPipe() }
      if waiting[0].revents != 0, !isRequested { return true }
    }
  }

  /// The handler writes to a pipe, so that a signal between the question and the waiting is not missed.
  private static func openPipe() {
    guard wakeUpEnd < 0 else { return }
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    wakeDownEnd = ends[0]
    wakeUpEnd = ends[1]
  }

  private static func drainPipe() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(wakeDownEnd, &bytes, bytes.count) > 0 {}
  }
}
