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
    let size = rows.count * matrix.stride * MemoryLayout<Scalar>.stride
    let end = wanted.pointee.next + wanted.pointee.count
    guard size > 0, end < stretches + capacity, bytes + size <= Self.most else { return }
    let first = UnsafeRawPointer(matrix[rows.lowerBound].base)
    end.initialize(
      to: temper_stretch(first: first.assumingMemoryBound(to: CChar.self), bytes: size))
    wanted.pointee.count += 1
    bytes += size
  }
}
