//! What was read from servers, kept on disk by cacache: files that are named by the hash of what is in
//! them and checked against it whenever they are read, and an index whose every line has a hash of
//! its own. Both are written beside their place and renamed, so that a process that dies leaves whole
//! pieces, or strays that nothing refers to. What is added here: a bound on the bytes, and pieces of a
//! file in place of whole ones.
//!
//! A piece is a stretch of one version of one file that was read once; it ends where the file's next
//! multiple of [`PIECE_BYTES`] lies, at the latest. Before its bytes lies the hash of its key, so that
//! no piece can be taken for another, and no two share a file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cacache::{Algorithm, Integrity, RemoveOpts};

use super::object::Version;
use super::options::CacheOptions;
use crate::hash::hash128;

/// Pieces end at multiples of this in their file.
const PIECE_BYTES: u64 = 256 << 10;

const KEY_HASH_BYTES: u64 = 16;

/// What files are rounded up to on disk.
const DISK_BLOCK_BYTES: u64 = 4096;

/// Folders of cacache: of what it is writing, of what it has written, and of its index.
const BEING_WRITTEN: &str = "tmp";
const WRITTEN: &str = "content-v2";
const INDEX: &str = "index-v5";

/// What stands before the name of a piece's content in a line of the index.
const INTEGRITY: &str = "\"integrity\":\"";

/// All of it lies in a folder of its own, so that nothing else is ever removed. Named anew whenever
/// what is in it changes its form.
const OWN_FOLDER: &str = "farplane-ranges-1";

/// Whoever holds it locked writes.
const LOCK: &str = "lock";

/// The part of a cache folder that is about one file, and the bound on all of the folder.
pub(super) struct DiskCache {
    folder: PathBuf,
    url: String,
    bytes_max: u64,
    /// Locked as long as this lives; `None` where another process writes.
    lock: Option<File>,
    state: Mutex<State>,
    misfits: AtomicU64,
    failures: AtomicU64,
}

#[derive(Default)]
struct State {
    /// What the keys of the version that is being read begin with.
    prefix: Option<String>,
    /// All that the folder holds, what was used longest ago first.
    held: BTreeMap<u64, Held>,
    /// What `held` takes on disk, and what is being written.
    disk_bytes: u64,
    next_use: u64,
    /// Pieces of the version that is being read, by offset: length and place in `held`.
    pieces: BTreeMap<u64, (u64, u64)>,
}

struct Held {
    key: String,
    integrity: Integrity,
    disk_bytes: u64,
}

/// A part of a piece, to be read.
struct Part {
    piece: Range<u64>,
    wanted: Range<u64>,
    key: String,
    integrity: Integrity,
}

impl DiskCache {
    /// The folder, for the file at `url`.
    pub fn open(options: &CacheOptions, url: &str) -> io::Result<Self> {
        let folder = options.folder.join(OWN_FOLDER);
        fs::create_dir_all(&folder)?;
        let lock =
            File::options().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
        let lock = lock.try_lock().is_ok().then_some(lock);
        let mut state = State::default();
        let mut found = list(&folder)?;
        found.sort_by(|(a, b), (c, d)| (a, &b.key).cmp(&(c, &d.key)));
        for (_, held) in found {
            state.add(held);
        }
        let this = Self {
            folder,
            url: url.to_owned(),
            bytes_max: options.bytes_max,
            lock,
            state: Mutex::new(state),
            misfits: AtomicU64::new(0),
            failures: AtomicU64::new(0),
        };
        if this.lock.is_some() {
            this.sweep()?;
            let evicted = this.state().evict(this.bytes_max);
            this.remove(&evicted);
        }
        Ok(this)
    }

    /// Whether what is read is written.
    pub fn keeps(&self) -> bool {
        self.lock.is_some() && self.bytes_max > 0 && self.state().prefix.is_some()
    }

    /// Pieces that were damaged or gone, and pieces that could not be written.
    pub fn troubles(&self) -> (u64, u64) {
        (self.misfits.load(Ordering::Relaxed), self.failures.load(Ordering::Relaxed))
    }

    /// The version that was read last.
    pub fn newest(&self) -> Option<Version> {
        let state = self.state();
        let mut keys = state.held.values().rev().map(|held| Key::parse(&held.key));
        let key = keys.find_map(|key| key.filter(|key| key.url == self.url))?;
        let (e_tag, file_bytes) = (Some(key.e_tag.to_owned()), key.file_bytes);
        Some(Version { e_tag, modified_ms: None, file_bytes })
    }

    /// From now on this version is read. One without an ETag is not kept: nothing tells it from the
    /// next.
    pub fn select(&self, version: &Version) {
        let Some(e_tag) = &version.e_tag else { return };
        let prefix = format!("{}\n{e_tag}\n{}\n", self.url, version.file_bytes);
        let mut state = self.state();
        let mut pieces = BTreeMap::new();
        for (&at, held) in &state.held {
            let piece = held.key.strip_prefix(&prefix).and_then(piece);
            let Some((offset, len)) = piece else { continue };
            let longest: &mut (u64, u64) = pieces.entry(offset).or_insert((0, at));
            if len > longest.0 {
                *longest = (len, at);
            }
        }
        state.pieces = pieces;
        state.prefix = Some(prefix);
    }

    /// What there is of a range, in order and without overlaps.
    pub fn read(&self, range: Range<u64>) -> Vec<(u64, Vec<u8>)> {
        let parts = self.state().parts(range);
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            match self.read_piece(&part) {
                Some(bytes) => {
                    let from = (KEY_HASH_BYTES + part.wanted.start - part.piece.start) as usize;
                    let to = (KEY_HASH_BYTES + part.wanted.end - part.piece.start) as usize;
                    out.push((part.wanted.start, bytes[from..to].to_vec()));
                }
                None => self.forget(&part),
            }
        }
        out
    }

    /// A piece with the hash before it, if it is what was written.
    fn read_piece(&self, part: &Part) -> Option<Vec<u8>> {
        let bytes = cacache::read_hash_sync(&self.folder, &part.integrity).ok()?;
        let whole = bytes.len() as u64 == KEY_HASH_BYTES + part.piece.end - part.piece.start;
        (whole && bytes.starts_with(&key_hash(&part.key))).then_some(bytes)
    }

    fn forget(&self, part: &Part) {
        self.misfits.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let Some(&(_, at)) = state.pieces.get(&part.piece.start) else { return };
        if state.held.get(&at).is_some_and(|held| held.key == part.key) {
            state.pieces.remove(&part.piece.start);
            let held = state.held.remove(&at);
            state.disk_bytes -= held.as_ref().map_or(0, |held| held.disk_bytes);
            drop(state);
            self.remove(held.as_slice());
        }
    }

    /// Keeps bytes of the version that is being read. What fails is counted, and nothing else.
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        let mut at = offset;
        let end = offset + bytes.len() as u64;
        while at < end {
            let until = ((at / PIECE_BYTES + 1) * PIECE_BYTES).min(end);
            let piece = &bytes[(at - offset) as usize..(until - offset) as usize];
            self.write_piece(at, piece);
            at = until;
        }
    }

    fn write_piece(&self, offset: u64, bytes: &[u8]) {
        let len = bytes.len() as u64;
        let disk_bytes = on_disk(len);
        let mut state = self.state();
        let has = state.pieces.get(&offset).is_some_and(|&(there, _)| there >= len);
        if has || disk_bytes > self.bytes_max || self.lock.is_none() {
            return;
        }
        let Some(prefix) = &state.prefix else { return };
        let key = format!("{prefix}{offset}\n{len}");
        let evicted = state.evict(self.bytes_max - disk_bytes);
        // Room for it, before anything is written.
        state.disk_bytes += disk_bytes;
        drop(state);
        self.remove(&evicted);
        let content = [&key_hash(&key)[..], bytes].concat();
        let written = cacache::write_sync_with_algo(Algorithm::Xxh3, &self.folder, &key, content);
        let mut state = self.state();
        state.disk_bytes -= disk_bytes;
        let Ok(integrity) = written else {
            self.failures.fetch_add(1, Ordering::Relaxed);
            return;
        };
        // Two may have read the same meanwhile.
        if state.pieces.get(&offset).is_none_or(|&(there, _)| there < len) {
            let at = state.add(Held { key, integrity, disk_bytes });
            state.pieces.insert(offset, (len, at));
        }
    }

    /// Removes files of pieces that are held no more.
    fn remove(&self, evicted: &[Held]) {
        if self.lock.is_none() {
            return;
        }
        for held in evicted {
            let whole = RemoveOpts::new().remove_fully(true).remove_sync(&self.folder, &held.key);
            if whole.is_err() {
                // Its bytes are gone already: so goes its line in the index.
                let _ = cacache::remove_sync(&self.folder, &held.key);
            }
        }
    }

    /// Removes what a process that died left behind, and what damage has made of the index: content that
    /// the index does not know, and parts of the index that know no content.
    fn sweep(&self) -> io::Result<()> {
        let written = self.folder.join(BEING_WRITTEN);
        if written.exists() {
            fs::remove_dir_all(written)?;
        }
        let state = self.state();
        let held = state.held.values();
        let (digits, named): (BTreeSet<String>, BTreeSet<String>) =
            held.map(|held| (held.integrity.to_hex().1, held.integrity.to_string())).unzip();
        drop(state);
        files_below(&self.folder.join(WRITTEN), &mut |path| {
            if digits.contains(&digits_of(path)) { Ok(()) } else { fs::remove_file(path) }
        })?;
        files_below(&self.folder.join(INDEX), &mut |path| {
            // Not text: the library would never read what it appends to it.
            let text = fs::read_to_string(path).unwrap_or_default();
            let named_in = text.split(INTEGRITY).skip(1).filter_map(|rest| rest.split('"').next());
            let known = named_in.into_iter().any(|integrity| named.contains(integrity));
            if known { Ok(()) } else { fs::remove_file(path) }
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, held: Held) -> u64 {
        let at = self.next_use;
        self.next_use += 1;
        self.disk_bytes += held.disk_bytes;
        self.held.insert(at, held);
        at
    }

    /// Gives up what was used longest ago, until there are so many bytes at most.
    fn evict(&mut self, bytes_max: u64) -> Vec<Held> {
        let mut evicted = Vec::new();
        while self.disk_bytes > bytes_max {
            let Some((at, held)) = self.held.pop_first() else { break };
            self.disk_bytes -= held.disk_bytes;
            let of_version = self.prefix.as_ref().and_then(|prefix| held.key.strip_prefix(prefix));
            if let Some((offset, _)) = of_version.and_then(piece)
                && self.pieces.get(&offset).is_some_and(|&(_, piece)| piece == at)
            {
                self.pieces.remove(&offset);
            }
            evicted.push(held);
        }
        evicted
    }

    /// The parts of pieces that a range is made of, as far as there are any. They count as used.
    fn parts(&mut self, range: Range<u64>) -> Vec<Part> {
        // No piece that begins before reaches into the range.
        let first = range.start / PIECE_BYTES * PIECE_BYTES;
        let mut found = Vec::new();
        let mut at = range.start;
        for (&offset, &(len, place)) in self.pieces.range(first..range.end) {
            let wanted = at.max(offset)..(offset + len).min(range.end);
            if wanted.start < wanted.end {
                at = wanted.end;
                found.push((offset..offset + len, wanted, place));
            }
        }
        let mut parts = Vec::with_capacity(found.len());
        for (piece, wanted, place) in found {
            let Some(held) = self.held.remove(&place) else { continue };
            let part =
                Part { wanted, key: held.key.clone(), integrity: held.integrity.clone(), piece };
            self.disk_bytes -= held.disk_bytes;
            let place = self.add(held);
            self.pieces.insert(part.piece.start, (part.piece.end - part.piece.start, place));
            parts.push(part);
        }
        parts
    }
}

/// What a piece is kept under.
struct Key<'a> {
    url: &'a str,
    e_tag: &'a str,
    file_bytes: u64,
}

impl<'a> Key<'a> {
    fn parse(key: &'a str) -> Option<Self> {
        let mut parts = key.split('\n');
        let (url, e_tag) = (parts.next()?, parts.next()?);
        Some(Self { url, e_tag, file_bytes: parts.next()?.parse().ok()? })
    }
}

/// `OFFSET\nLENGTH`.
fn piece(text: &str) -> Option<(u64, u64)> {
    let (offset, len) = text.split_once('\n')?;
    Some((offset.parse().ok()?, len.parse().ok()?))
}

fn key_hash(key: &str) -> [u8; KEY_HASH_BYTES as usize] {
    hash128(key.as_bytes()).to_le_bytes()
}

/// What a piece takes on disk: its file, and the file of its line in the index.
fn on_disk(bytes: u64) -> u64 {
    (KEY_HASH_BYTES + bytes).next_multiple_of(DISK_BLOCK_BYTES) + DISK_BLOCK_BYTES
}

/// The digits of the hash that a file of content is named by, and the two folders that it is in.
fn digits_of(path: &Path) -> String {
    let mut parts: Vec<_> = path.iter().rev().take(3).collect();
    parts.reverse();
    parts.iter().map(|part| part.to_string_lossy()).collect()
}

/// Calls `each` with every file below a folder, which may be missing.
fn files_below(folder: &Path, each: &mut dyn FnMut(&Path) -> io::Result<()>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => files_below(&entry.path(), each)?,
            false => each(&entry.path())?,
        }
    }
    Ok(())
}

/// Everything in a folder, with the time when it was written.
fn list(folder: &Path) -> io::Result<Vec<(u128, Held)>> {
    let mut found = Vec::new();
    for entry in cacache::list_sync(folder) {
        match entry {
            Ok(entry) => {
                let len = entry.key.rsplit('\n').next().and_then(|len| len.parse().ok());
                let Some(len) = len else { continue };
                let disk_bytes = on_disk(len);
                let held = Held { key: entry.key, integrity: entry.integrity, disk_bytes };
                found.push((entry.time, held));
            }
            // Nothing was kept yet, or another process just removed it.
            Err(cacache::Error::IoError(error, _)) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::other(error.to_string())),
        }
    }
    Ok(found)
}

impl fmt::Debug for DiskCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        let (held, bytes) = (state.held.len(), state.disk_bytes);
        write!(f, "DiskCache({}, {held} pieces, {bytes} bytes)", self.folder.display())
    }
}
