//! Little-endian reading that never trusts a length, and writing.

use std::fmt;

/// Why bytes are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorldError {
    /// The bytes end before a field does.
    Truncated {
        /// What was being read.
        what: &'static str,
        /// Bytes needed from here on.
        needed_bytes: u64,
        /// Bytes left.
        left_bytes: u64,
    },
    /// A number is outside what the format allows.
    Invalid {
        /// Which field.
        what: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A newer or older format.
    Version {
        /// Version found.
        found: u32,
        /// Version that this crate reads.
        supported: u32,
    },
}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { what, needed_bytes, left_bytes } => write!(
                f,
                "world data ends inside {what}: {needed_bytes} bytes needed, {left_bytes} left; \
                 bake the world again"
            ),
            Self::Invalid { what, expected } => {
                write!(f, "world data: {what} must be {expected}; bake the world again")
            }
            Self::Version { found, supported } => write!(
                f,
                "world data has schema version {found}, this build reads {supported}; \
                 bake the world again"
            ),
        }
    }
}

impl std::error::Error for WorldError {}

pub(crate) fn invalid<T>(what: &'static str, expected: &'static str) -> Result<T, WorldError> {
    Err(WorldError::Invalid { what, expected })
}

/// A cursor over bytes.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

macro_rules! reads {
    ($($name:ident: $t:ty),*) => {$(
        pub fn $name(&mut self, what: &'static str) -> Result<$t, WorldError> {
            let raw = self.take(size_of::<$t>() as u64, what)?;
            Ok(<$t>::from_le_bytes(raw.try_into().expect("length was checked")))
        }
    )*};
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    reads!(u16: u16, u32: u32, u64: u64);

    pub fn f32(&mut self, what: &'static str) -> Result<f32, WorldError> {
        let v = f32::from_bits(self.u32(what)?);
        if v.is_finite() { Ok(v) } else { invalid(what, "finite") }
    }

    pub fn f64(&mut self, what: &'static str) -> Result<f64, WorldError> {
        let v = f64::from_bits(self.u64(what)?);
        if v.is_finite() { Ok(v) } else { invalid(what, "finite") }
    }

    pub fn take(&mut self, count: u64, what: &'static str) -> Result<&'a [u8], WorldError> {
        let left = self.bytes.len() as u64;
        if count > left {
            let (needed_bytes, left_bytes) = (count, left);
            return Err(WorldError::Truncated { what, needed_bytes, left_bytes });
        }
        let (head, tail) = self.bytes.split_at(count as usize);
        self.bytes = tail;
        Ok(head)
    }

    pub fn text(&mut self, what: &'static str) -> Result<String, WorldError> {
        let len = self.u32(what)?;
        let raw = self.take(u64::from(len), what)?;
        String::from_utf8(raw.to_vec()).or_else(|_| invalid(what, "UTF-8"))
    }

    /// A count whose items take at least `item_bytes` each: never more than the bytes can hold.
    pub fn count(&mut self, item_bytes: u64, what: &'static str) -> Result<u32, WorldError> {
        let count = self.u32(what)?;
        let (needed_bytes, left_bytes) = (u64::from(count) * item_bytes, self.bytes.len() as u64);
        if needed_bytes > left_bytes {
            return Err(WorldError::Truncated { what, needed_bytes, left_bytes });
        }
        Ok(count)
    }

    pub fn end(&self, what: &'static str) -> Result<(), WorldError> {
        if self.bytes.is_empty() { Ok(()) } else { invalid(what, "followed by nothing") }
    }
}

/// Little-endian appends.
pub(crate) trait Put {
    fn put(&mut self, bytes: &[u8]);
    fn put_u16(&mut self, v: u16) {
        self.put(&v.to_le_bytes());
    }
    fn put_u32(&mut self, v: u32) {
        self.put(&v.to_le_bytes());
    }
    fn put_u64(&mut self, v: u64) {
        self.put(&v.to_le_bytes());
    }
    fn put_f32(&mut self, v: f32) {
        self.put(&v.to_le_bytes());
    }
    fn put_f64(&mut self, v: f64) {
        self.put(&v.to_le_bytes());
    }
    fn put_text(&mut self, v: &str) {
        self.put_u32(v.len() as u32);
        self.put(v.as_bytes());
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}
