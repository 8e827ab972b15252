//! Power cuts, on a disk that loses what was not synced: any sectors of it, in any combination.

mod model;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use farplane_io::{Archive, Assembler, Filter, Storage, pack};
use model::noise;
use proptest::prelude::*;

/// Written as a whole or not at all.
const SECTOR: usize = 512;

/// Something that was done to the disk since it was synced.
#[derive(Clone, Debug)]
enum Change {
    Sector { at: usize, bytes: Vec<u8> },
    Len { old: usize, new: usize },
}

/// Of moment after moment: what was durable, and what was not.
type History = Vec<(Vec<u8>, Vec<Change>)>;

#[derive(Debug, Default)]
struct State {
    /// What a reader of the running system sees.
    seen: Vec<u8>,
    /// What is there for certain after a power cut.
    durable: Vec<u8>,
    pending: Vec<Change>,
    /// Of every sync and every write: what was durable, and what was not.
    history: History,
    /// Changes and syncs that are still done; all later ones fail, as those of a process do that was
    /// killed. `None`: all are done.
    steps_left: Option<usize>,
}

/// A disk in memory whose history can be looked at.
#[derive(Clone, Debug, Default)]
struct Disk(Rc<RefCell<State>>);

impl Disk {
    fn of(bytes: Vec<u8>) -> Self {
        let disk = Self::default();
        disk.0.borrow_mut().seen.clone_from(&bytes);
        disk.0.borrow_mut().durable = bytes;
        disk
    }

    /// Another process takes over: nothing fails any more, and the history begins here.
    fn go_on(&self) {
        let mut state = self.0.borrow_mut();
        state.steps_left = None;
        state.history.clear();
        state.remember();
    }
}

impl Storage for Disk {
    fn byte_len(&self) -> io::Result<u64> {
        Ok(self.0.borrow().seen.len() as u64)
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        Storage::read_at(&self.0.borrow().seen, offset, out)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.step()?;
        let old = state.seen.len();
        state.seen.write_at(offset, bytes)?;
        let new = state.seen.len();
        if new > old {
            state.pending.push(Change::Len { old, new });
        }
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        for at in (start / SECTOR * SECTOR..end).step_by(SECTOR) {
            let sector = state.seen[at..new.min(at + SECTOR)].to_vec();
            state.pending.push(Change::Sector { at, bytes: sector });
        }
        state.remember();
        Ok(())
    }

    fn set_len(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.step()?;
        let (old, new) = (state.seen.len(), len as usize);
        state.seen.resize(new, 0);
        state.pending.push(Change::Len { old, new });
        state.remember();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.step()?;
        state.durable = state.seen.clone();
        state.pending.clear();
        state.remember();
        Ok(())
    }
}

impl State {
    fn step(&mut self) -> io::Result<()> {
        match &mut self.steps_left {
            Some(0) => Err(io::ErrorKind::Interrupted.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn remember(&mut self) {
        self.history.push((self.durable.clone(), self.pending.clone()));
    }
}

/// What is left of a disk of which only the chosen changes were written.
fn after_cut(
    durable: &[u8],
    pending: &[Change],
    mut is_written: impl FnMut(usize) -> bool,
) -> Vec<u8> {
    let mut bytes = durable.to_vec();
    for (index, change) in pending.iter().enumerate() {
        if !is_written(index) {
            continue;
        }
        match change {
            Change::Len { old, new } if new >= old => {
                let len = bytes.len().max(*new);
                bytes.resize(len, 0);
            }
            Change::Len { new, .. } => bytes.truncate(*new),
            Change::Sector { at, bytes: sector } => {
                let len = bytes.len().max(at + sector.len());
                bytes.resize(len, 0);
                bytes[*at..at + sector.len()].copy_from_slice(sector);
            }
        }
    }
    bytes
}

/// The contents of a generation.
fn contents(archive: &Archive) -> Vec<Option<Vec<u8>>> {
    (0..60).map(|id| archive.read(id).ok()).collect()
}

fn add(assembler: &mut Assembler<Disk>, generation: u32) {
    for id in 0..10 + generation * 12 {
        if !(id + generation).is_multiple_of(3) {
            let bytes = noise(generation * 100 + id, 300 + (id as usize * 97) % 900);
            assembler.add(id, &pack(&bytes, Filter::None)).unwrap();
        }
    }
    assembler.section(*b"about\0\0\0", &generation.to_le_bytes()).unwrap();
}

/// An archive of `count` generations.
fn archive_of(count: u32) -> Vec<u8> {
    let disk = Disk::default();
    let mut assembler = Assembler::create(disk.clone(), 8).unwrap();
    add(&mut assembler, 0);
    assembler.finish().unwrap();
    for generation in 1..count {
        let mut assembler = Assembler::append(disk.clone()).unwrap();
        add(&mut assembler, generation);
        assembler.finish().unwrap();
    }
    disk.0.take().seen
}

/// The history of appending another generation to an archive of `count`, and where in it the new
/// one is certain.
fn history(count: u32) -> (Vec<u8>, History, Vec<u8>) {
    let old = archive_of(count);
    let disk = Disk::of(old.clone());
    let mut assembler = Assembler::append(disk.clone()).unwrap();
    add(&mut assembler, count);
    assembler.finish().unwrap();
    let state = disk.0.borrow();
    (old, state.history.clone(), state.seen.clone())
}

/// After any cut, one of the two generations is there, whole; the old one's bytes were never lost.
fn survives(bytes: Vec<u8>, old: &Archive, new: &Archive, what: &str) -> bool {
    survivor(bytes, &[old, new], what) == new.generation()
}

/// Which of these generations is there, whole.
fn survivor(bytes: Vec<u8>, generations: &[&Archive], what: &str) -> u64 {
    let archive = Archive::from_bytes(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut generations = generations.iter();
    let expected = generations
        .find(|expected| expected.generation() == archive.generation())
        .unwrap_or_else(|| panic!("{what}: generation {}", archive.generation()));
    assert_eq!(archive.content_hash(), expected.content_hash(), "{what}");
    assert_eq!(contents(&archive), contents(expected), "{what}");
    let report = archive.verify(&mut |_, _| {}).unwrap();
    assert!(report.is_whole(), "{what}: {report:?}");
    archive.generation()
}

#[test]
fn every_prefix_of_the_unsynced_sectors_leaves_a_whole_generation() {
    for count in 1..4 {
        let (old, history, new) = history(count);
        let [old, new] = [old, new].map(|bytes| Archive::from_bytes(bytes).unwrap());
        let mut has_been_new = false;
        for (step, (durable, pending)) in history.iter().enumerate() {
            // All prefixes of the last step of each sync; of the others only the whole.
            for written in 0..=pending.len() {
                if step + 1 < history.len() && written < pending.len() && written % 7 != 0 {
                    continue;
                }
                let bytes = after_cut(durable, pending, |index| index < written);
                has_been_new |= survives(bytes, &old, &new, &format!("{step}: {written}"));
            }
        }
        assert!(has_been_new);
        let (durable, pending) = history.last().unwrap();
        assert!(pending.is_empty());
        assert!(survives(durable.clone(), &old, &new, "at last"));
    }
}

/// The first append is killed after each of its steps in turn, so that what it wrote is only in the
/// system's memory; the next one goes on from that, and then the power is cut.
#[test]
fn a_cut_while_appending_behind_an_append_that_was_killed_leaves_a_whole_generation() {
    for count in 1..4 {
        let old_bytes = archive_of(count);
        let old = Archive::from_bytes(old_bytes.clone()).unwrap();
        let mut generations_survived = Vec::new();
        for steps in 0.. {
            let disk = Disk::of(old_bytes.clone());
            disk.0.borrow_mut().steps_left = Some(steps);
            let is_whole = Assembler::append(disk.clone()).is_ok_and(|mut assembler| {
                add(&mut assembler, count);
                assembler.finish().is_ok()
            });
            if is_whole {
                break;
            }
            disk.go_on();
            let between = Archive::from_bytes(disk.0.borrow().seen.clone()).unwrap();
            let mut assembler = Assembler::append(disk.clone()).unwrap();
            add(&mut assembler, count + 1);
            assembler.finish().unwrap();
            let state = disk.0.borrow();
            let new = Archive::from_bytes(state.seen.clone()).unwrap();
            for (step, (durable, pending)) in state.history.iter().enumerate() {
                for turn in 0..8 {
                    // Every fourth, from another one on each turn, or all but those.
                    let is_written = |index: usize| (index % 4 == turn % 4) == (turn < 4);
                    let bytes = after_cut(durable, pending, is_written);
                    let what = format!("killed after {steps}, cut at {step}, {turn}");
                    generations_survived.push(survivor(bytes, &[&old, &between, &new], &what));
                }
            }
        }
        generations_survived.sort_unstable();
        generations_survived.dedup();
        let first = old.generation();
        assert_eq!(generations_survived, [first, first + 1, first + 2]);
    }
}

/// So a compaction too writes its file, before it renames it: then nothing of it may be pending.
#[test]
fn a_cut_while_the_first_generation_is_written_leaves_no_archive_or_all_of_it() {
    let disk = Disk::default();
    let mut assembler = Assembler::create(disk.clone(), 8).unwrap();
    add(&mut assembler, 0);
    assembler.finish().unwrap();
    let state = disk.0.borrow();
    let whole = Archive::from_bytes(state.seen.clone()).unwrap();
    for (durable, pending) in &state.history {
        for written in 0..=pending.len() {
            let bytes = after_cut(durable, pending, |index| index < written);
            if let Ok(archive) = Archive::from_bytes(bytes) {
                assert_eq!(contents(&archive), contents(&whole));
            }
        }
        for part in 0..4 {
            let bytes = after_cut(durable, pending, |index| index % 4 == part);
            if let Ok(archive) = Archive::from_bytes(bytes) {
                assert_eq!(contents(&archive), contents(&whole));
            }
        }
    }
    let (durable, pending) = state.history.last().unwrap();
    assert!(pending.is_empty() && *durable == state.seen, "all of it is durable at the end");
}

#[test]
fn append_goes_on_after_any_cut() {
    let (_, history, _) = history(2);
    for (step, (durable, pending)) in history.iter().enumerate() {
        let bytes = after_cut(durable, pending, |index| index % 2 == step % 2);
        let before = Archive::from_bytes(bytes.clone()).unwrap();
        let mut assembler = Assembler::append(Disk::of(bytes)).unwrap();
        assembler.add(70, &pack(b"goes on", Filter::None)).unwrap();
        let (disk, _) = assembler.finish().unwrap();
        let archive = Archive::from_bytes(disk.0.borrow().seen.clone()).unwrap();
        assert_eq!(archive.generation(), before.generation() + 1);
        assert_eq!(archive.read(70).unwrap(), b"goes on");
        assert_eq!(contents(&archive), contents(&before));
        let report = archive.verify(&mut |_, _| {}).unwrap();
        assert!(report.is_clean(), "{step}: {report:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_subset_of_the_unsynced_sectors_leaves_a_whole_generation(
        count in 1u32..4,
        step: prop::sample::Index,
        mask in prop::collection::vec(any::<bool>(), 1..64),
        turn in 0usize..64,
    ) {
        let (old, history, new) = history(count);
        let [old, new] = [old, new].map(|bytes| Archive::from_bytes(bytes).unwrap());
        let (durable, pending) = step.get(&history);
        let bytes = after_cut(durable, pending, |index| mask[(index + turn) % mask.len()]);
        survives(bytes, &old, &new, "subset");
    }
}
