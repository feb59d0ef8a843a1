//! Room on the stack for parsing, walking and dropping tall trees.

/// Stack that one level of a tree takes at most, in bytes; frames of unoptimised code are larger.
const PER_LEVEL: usize = if cfg!(debug_assertions) { 32 << 10 } else { 12 << 10 };
/// Stack that is kept free for everything else.
const RESERVE: usize = 768 << 10;
/// The largest stack that is mapped; only the pages that are touched take memory.
const MOST: usize = 1 << 30;

/// Runs `walk` with enough stack for a tree of `height` levels, on the present stack where it is.
pub(crate) fn with_deep_stack<T>(height: usize, walk: impl FnOnce() -> T) -> T {
    let needed = height.saturating_mul(PER_LEVEL).saturating_add(RESERVE).min(MOST);
    stacker::maybe_grow(needed, needed, walk)
}
