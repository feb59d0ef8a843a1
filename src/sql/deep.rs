//! Room on the stack for walking and dropping tall trees.

/// Runs `walk` with enough stack for a tree of `height` levels.
pub(crate) fn with_deep_stack<T>(height: usize, walk: impl FnOnce() -> T) -> T {
    const SHALLOW: usize = 100;
    const BYTES_PER_LEVEL: usize = 16 << 10;
    const MOST: usize = 1 << 30;
    if height <= SHALLOW {
        return walk();
    }
    stacker::grow(height.saturating_mul(BYTES_PER_LEVEL).min(MOST), walk)
}
