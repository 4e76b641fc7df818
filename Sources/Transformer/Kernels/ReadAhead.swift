import CKernels

/// Memory that is read soon. Products ask for it little by little while they compute, so that it is near when its turn comes: the keys and values
/// of many texts come from the cache that processors share, and attention alone would wait for them.
public final class ReadAhead {
  /// What is left to be asked for.
  let wanted = UnsafeMutablePointer<temper_wanted>.allocate(capacity: 1)
  private let stretches: UnsafeMutablePointer<temper_stretch>
  private let capacity: Int
  /// How much was added.
  private var bytes = 0

  /// What is brought near too soon drives out what is needed before: half of what the second cache holds, on many processors.
  private static let most = 512 << 10

  /// - Parameter stretches: room for so many.
  package init(stretches capacity: Int) {
    self.capacity = capacity
    stretches = .allocate(capacity: capacity)
    wanted.initialize(to: temper_wanted(next: stretches, count: 0))
  }

  deinit {
    stretches.deallocate()
    wanted.deallocate()
  }

  /// How many stretches are left to be asked for.
  package var count: Int { wanted.pointee.count }

  /// Nothing is asked for any more.
  package func removeAll() {
    wanted.pointee = temper_wanted(next: stretches, count: 0)
    bytes = 0
  }

  /// Some rows are read after all that were added before. Too many for a near cache are left out.
  package func add<Scalar>(_ matrix: Matrix<Scalar>, rows: Range<Int>) {
    add(matrix, eachOf: CollectionOfOne(rows), inRow: 1)
  }

  /// The same for several texts, one after the other.
  ///
  /// - Parameters:
  ///   - seen: the rows of each text, counted as if each row of the matrix were `several` of them.
  @inline(__always)
  func add<Scalar>(
    _ matrix: Matrix<Scalar>, eachOf seen: some Collection<Range<Int>>, inRow several: Int
  ) {
    let row = matrix.stride * MemoryLayout<Scalar>.stride
    let base = UnsafeRawPointer(matrix.base).assumingMemoryBound(to: CChar.self)
    let start = wanted.pointee.next + wanted.pointee.count
    var end = start
    for seen in seen {
      precondition(
        seen.lowerBound >= 0 && seen.upperBound <= several * matrix.rows, "rows out of range")
      let first = seen.lowerBound / several
      let size = ((seen.upperBound + several - 1) / several - first) * row
      guard size > 0, end < stretches + capacity, bytes + size <= Self.most else { continue }
      end.initialize(to: temper_stretch(first: base + first * row, bytes: size))
      end += 1
      bytes += size
    }
    wanted.pointee.count += end - start
  }
}
