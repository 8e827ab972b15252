//! How to ask a server.

use std::path::PathBuf;
use std::time::Duration;

/// How patiently to ask a server, and what to keep of its answers.
#[derive(Clone, Debug)]
pub struct RemoteOptions {
    /// How long one attempt may take. Default 20 s. Short: large reads over slow lines never end;
    /// long: a lost connection is noticed late.
    pub attempt_timeout: Duration,
    /// Times that a request is tried again. Default 6. 0 fails at once.
    pub retries_max: usize,
    /// After which no request is tried again, and the longest that a server's Retry-After is heeded.
    /// Default 60 s.
    pub retry_time_max: Duration,
    /// First pause before trying again; each is at most twice the last. Default 100 ms. A server that
    /// asks for a longer one (Retry-After) gets it.
    pub pause_min: Duration,
    /// Where answers are kept on disk. Default: nowhere.
    pub cache: Option<CacheOptions>,
}

impl Default for RemoteOptions {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(20),
            retries_max: 6,
            retry_time_max: Duration::from_secs(60),
            pause_min: Duration::from_millis(100),
            cache: None,
        }
    }
}

/// A folder that keeps what was read from servers, for archives of any number of addresses and
/// versions. It only ever makes reads cheaper: what is not found or not intact there is asked of the
/// server, and what cannot be written there is not kept. Servers that give no ETag are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheOptions {
    /// The folder; made when it is missing. Several processes may share it: the first one writes,
    /// the others read what was there when they opened it.
    pub folder: PathBuf,
    /// Bytes that it may take on disk, its own index included. What was used longest ago goes
    /// first. 0 keeps nothing.
    pub bytes_max: u64,
}
