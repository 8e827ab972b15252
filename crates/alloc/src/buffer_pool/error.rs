use crate::OverBudget;
use core::error::Error;
use core::fmt;

/// Why [`BufferPool::acquire`](crate::BufferPool::acquire) gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BufferError {
    /// A buffer of no bytes was asked for.
    ZeroSize,
    /// More than any memory holds.
    TooLarge {
        /// Bytes asked for.
        requested: usize,
    },
    /// The budget has no room, although all idle buffers that could help were dropped and the
    /// pressure callbacks were called.
    OverBudget {
        /// Bytes asked for, before rounding.
        requested: usize,
        /// Bytes of this pool's buffers in use.
        outstanding_bytes: u64,
        /// Bytes of its idle buffers.
        idle_bytes: u64,
        /// What the budget says.
        budget: OverBudget,
    },
    /// The system gave no memory, although the budget allows for it.
    OutOfMemory {
        /// Bytes that the system was asked for.
        requested: usize,
    },
}

impl fmt::Display for BufferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroSize => f.write_str("a buffer of 0 bytes: ask for at least 1"),
            Self::TooLarge { requested } => {
                write!(f, "a buffer of {requested} bytes fits no memory: split it")
            }
            Self::OverBudget { requested, outstanding_bytes, idle_bytes, budget } => write!(
                f,
                "no buffer of {requested} bytes ({outstanding_bytes} in use, {idle_bytes} idle): \
                 {budget}"
            ),
            Self::OutOfMemory { requested } => write!(
                f,
                "the system has no {requested} bytes for a buffer: drop buffers or lower the budget"
            ),
        }
    }
}

impl Error for BufferError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::OverBudget { budget, .. } => Some(budget),
            _ => None,
        }
    }
}

/// Why [`BufferPool::new`](crate::BufferPool::new) made no pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolOptionsError {
    /// The alignment is not a power of two from 4096 on.
    BadAlignment {
        /// Alignment asked for, in bytes.
        align: usize,
    },
    /// The steps in each doubling are not a power of two from 1 to 256.
    BadSteps {
        /// Steps asked for.
        steps_per_doubling: usize,
    },
}

impl fmt::Display for PoolOptionsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAlignment { align } => {
                write!(f, "buffers aligned to {align}: use a power of two from 4096 on")
            }
            Self::BadSteps { steps_per_doubling } => write!(
                f,
                "{steps_per_doubling} sizes in each doubling: use a power of two from 1 to 256"
            ),
        }
    }
}

impl Error for PoolOptionsError {}

/// The length asked for is more than a buffer's capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BeyondCapacity {
    /// Bytes asked for.
    pub requested: usize,
    /// Bytes that the buffer has.
    pub capacity: usize,
}

impl fmt::Display for BeyondCapacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requested, capacity } = self;
        write!(f, "{requested} bytes in a buffer of {capacity}: acquire a larger one")
    }
}

impl Error for BeyondCapacity {}

/// A buffer cannot be seen as whole elements of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewError {
    /// Bytes of the buffer.
    pub len: usize,
    /// Bytes of an element.
    pub element: usize,
    /// Alignment of an element.
    pub align: usize,
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, element, align } = self;
        write!(
            f,
            "{len} bytes are no whole elements of {element} bytes aligned to {align}: set the \
             buffer's length to a multiple"
        )
    }
}

impl Error for ViewError {}
