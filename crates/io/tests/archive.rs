//! The archive: its bytes, and what becomes of damaged and hostile ones.

mod model;

use farplane_io::{
    Archive, ArchiveBuilder, ArchiveError, BLOCK_BYTES, BlockErrorKind, ByteRange, DirectoryFault,
    EntryFault, Filter, Located, Profile, RemoteIndex, SuperblockFault, pack,
};
use model::archive::{self, Op, leaf_of, reseal, root_of};
use model::{crc32c, noise};
use proptest::prelude::*;

fn quiet(_: u64, _: u64) {}

/// Three entries of several filters, an absent one, a name, a section and padding before a run; and a
/// second generation, in which an entry and the section are replaced.
fn small() -> Vec<u8> {
    let mut builder = ArchiveBuilder::append(first_generation()).unwrap();
    builder.add(0, &pack(&noise(2, 90), Filter::None)).unwrap();
    builder.section(*b"about\0\0\0", b"patched").unwrap();
    builder.name(1, "one").unwrap();
    builder.finish().0
}

fn first_generation() -> Vec<u8> {
    let heights: Vec<u8> =
        (0..2000u32).flat_map(|i| ((i % 50 * 3 + i / 50) as u16).to_le_bytes()).collect();
    let mut builder = ArchiveBuilder::new();
    builder.section(*b"about\0\0\0", b"a small archive").unwrap();
    builder.add(0, &pack(&noise(1, 100), Filter::None)).unwrap();
    builder.begin_run();
    builder.add(3, &pack(&heights, Filter::PlanarDelta16 { row_samples: 50 })).unwrap();
    builder.add(1, &pack(&[7; 500], Filter::ByteShuffle { stride: 4 })).unwrap();
    builder.finish().0
}

/// The file drawn in `format.rs`, put together field by field: entry 1 of one raw block "abc" on
/// a run, no entry 0, and a section "meta" of two raw bytes. The hashes are from `xxhsum -H2`.
fn by_hand() -> Vec<u8> {
    let abc_hash = 0x06B0_5AB6_733A_6185_78AF_5F94_892F_3950u128;
    let hi_hash = 0x7D59_6CE5_FCAB_AF62_2A23_00BB_D7EA_6E9Au128;
    // Of 01 00 00 00, 03 00 00 00 and the first; "meta", 02 00 00 00, 00 00 00 00 and the second.
    let content_hash = 0x7CE3_4EF5_0F04_5945_B925_A592_BA3B_F6D7u128;
    let extent = |bytes: &[u8]| {
        let mut table = (bytes.len() as u32).to_le_bytes().to_vec();
        table.extend(crc32c(bytes).to_le_bytes());
        let table_crc = crc32c(&table);
        table.extend(bytes);
        (table, table_crc)
    };
    let record = |offset: u64, bytes: &[u8], hash: u128| {
        let (stored, table_crc) = extent(bytes);
        let mut out = offset.to_le_bytes().to_vec();
        out.extend((stored.len() as u32).to_le_bytes());
        out.extend((bytes.len() as u32).to_le_bytes());
        out.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(hash.to_le_bytes());
        out.extend(table_crc.to_le_bytes());
        out.extend([0; 4]);
        out
    };
    // Slots of one page each: roots at 8192 and 12288, leaves at 16384 and 20480.
    let mut file = vec![0; 24576];
    file.extend(extent(b"hi").0);
    file.resize(28672, 0);
    file.extend(extent(b"abc").0);
    file.resize(32768, 0);
    let mut leaf = vec![0; 48];
    leaf.extend(record(28672, b"abc", abc_hash));
    let mut root = Vec::new();
    for count in [2u32, 1, 1, 0] {
        root.extend(count.to_le_bytes());
    }
    root.extend(16384u64.to_le_bytes());
    root.extend([0; 8]);
    root.extend(b"meta\0\0\0\0");
    root.extend(record(24576, b"hi", hi_hash));
    root.extend(crc32c(&leaf).to_le_bytes());
    file[8192..8192 + root.len()].copy_from_slice(&root);
    file[16384..16384 + leaf.len()].copy_from_slice(&leaf);
    for (at, generation) in [(0, 2u64), (4096, 1)] {
        let mut superblock = b"\x89FAR\r\n\x1a\n".to_vec();
        superblock.extend(1u32.to_le_bytes());
        superblock.extend(65536u32.to_le_bytes());
        for field in [generation, 32768, 8192] {
            superblock.extend(field.to_le_bytes());
        }
        for field in [root.len() as u32, crc32c(&root), 4096, 4096] {
            superblock.extend(field.to_le_bytes());
        }
        superblock.extend(content_hash.to_le_bytes());
        let crc = crc32c(&superblock);
        superblock.extend(crc.to_le_bytes());
        file[at..at + 76].copy_from_slice(&superblock);
    }
    file
}

#[test]
fn bytes_are_those_drawn_in_the_format() {
    let mut builder = ArchiveBuilder::new();
    builder.section(*b"meta\0\0\0\0", b"hi").unwrap();
    builder.begin_run();
    builder.add(1, &pack(b"abc", Filter::None)).unwrap();
    let (bytes, summary) = builder.finish();
    let expected = by_hand();
    assert_eq!(bytes.len(), expected.len());
    for (at, (found, expected)) in bytes.iter().zip(&expected).enumerate() {
        assert_eq!(found, expected, "at {at}");
    }
    // Three and two bytes, each with a block record of eight.
    assert_eq!((summary.entries, summary.sections, summary.stored_bytes), (1, 1, 21));
}

#[test]
fn golden_file_of_version_1_reads_for_ever() {
    // Written once by the first release of the format; see `small`.
    let archive = Archive::from_bytes(include_bytes!("golden/v1.far").to_vec()).unwrap();
    let now = Archive::from_bytes(small()).unwrap();
    assert_eq!(archive.entries(), 4);
    for id in [0, 1, 3] {
        assert_eq!(archive.read(id).unwrap(), now.read(id).unwrap());
    }
    assert_eq!(archive.extent(2), None);
    assert_eq!(archive.section(*b"about\0\0\0").unwrap(), b"patched");
    assert_eq!(archive.names().unwrap().find("one"), Some(1));
    assert!(archive.verify(&mut quiet).unwrap().is_clean());
}

/// Every byte of superblocks, directories, extents (live and dead) and padding.
#[test]
fn every_flipped_byte_is_found() {
    let good = small();
    let whole = Archive::from_bytes(good.clone()).unwrap();
    assert!(whole.dead_bytes() > 0);
    let contents: Vec<_> = (0..4).map(|id| whole.read(id).ok()).collect();
    for at in 0..good.len() {
        for flip in [1 << (at % 8), 0xFF] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            let archive = Archive::from_bytes(bytes).expect("one damage, two superblocks");
            let report = archive.verify(&mut quiet).unwrap();
            assert!(!report.is_clean(), "byte {at} flipped with {flip:#x} was not found");
            if archive.generation() < whole.generation() {
                continue;
            }
            for (id, content) in contents.iter().enumerate() {
                if let Ok(bytes) = archive.read(id as u32) {
                    assert_eq!(Some(&bytes), content.as_ref(), "byte {at}: entry {id}");
                }
            }
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    let good = first_generation();
    for len in 0..good.len() {
        let error = Archive::from_bytes(good[..len].to_vec()).unwrap_err();
        match error {
            ArchiveError::Empty { .. } => assert_eq!(len, 0),
            ArchiveError::TooShort { .. } => assert!((1..8192).contains(&len)),
            ArchiveError::Truncated { file_bytes, expected_bytes, .. } => {
                assert!(len >= 8192);
                assert_eq!((file_bytes, expected_bytes), (len as u64, good.len() as u64));
            }
            other => panic!("{len} bytes: {other}"),
        }
    }
}

#[test]
fn bytes_behind_the_end_are_reported_and_harmless() {
    let mut bytes = small();
    bytes.extend([1, 2, 3]);
    let archive = Archive::from_bytes(bytes).unwrap();
    assert!(archive.read(3).is_ok());
    let report = archive.verify(&mut quiet).unwrap();
    assert_eq!(report.trailing_bytes, 3);
    assert!(!report.is_clean());
}

#[test]
fn newer_superblock_counts_unless_its_directory_is_damaged() {
    let mut bytes = small();
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    assert_eq!((archive.generation(), archive.read(0).unwrap()), (3, noise(2, 90)));
    // Generation 3 is in superblock 1.
    let (root, _) = root_of(&bytes, 4096).unwrap();
    bytes[root] ^= 1;
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    assert_eq!((archive.generation(), archive.read(0).unwrap()), (2, noise(1, 100)));
    assert_eq!(archive.section(*b"about\0\0\0").unwrap(), b"a small archive");
    let report = archive.verify(&mut quiet).unwrap();
    assert_eq!(report.superblocks, [None, Some(SuperblockFault::Content)]);
    assert!(report.is_whole());
    let refused = ArchiveBuilder::append(bytes).unwrap_err();
    assert!(matches!(refused, ArchiveError::Directory { .. }), "would lose generation 3");
    let mut bytes = small();
    bytes[4096 + 20] ^= 1;
    assert_eq!(Archive::from_bytes(bytes.clone()).unwrap().generation(), 2);
    let refused = ArchiveBuilder::append(bytes).unwrap_err();
    assert!(matches!(refused, ArchiveError::DamagedSuperblock { offset: 4096, .. }));
}

#[test]
fn append_writes_nothing_of_the_older_generation() {
    let old = first_generation();
    let new = small();
    // Superblock 1 and slots 1 change, and what lies behind the end is new.
    let (root, leaves) = (12288..16384, 20480..24576);
    for at in (0..old.len()).filter(|&at| old[at] != new[at]) {
        let own = (4096..8192).contains(&at) || root.contains(&at) || leaves.contains(&at);
        assert!(own, "byte {at}");
    }
    assert!(new.len() > old.len());
}

#[test]
fn space_adds_up_to_the_file() {
    for bytes in [first_generation(), small(), by_hand()] {
        let archive = Archive::from_bytes(bytes).unwrap();
        let space = archive.space();
        let parts =
            [space.live_bytes, space.dead_bytes, space.directory_bytes, space.padding_bytes];
        assert_eq!(parts.iter().sum::<u64>(), archive.file_bytes());
    }
    // The first generation's 108 and 23 bytes are dead in the second.
    let space = Archive::from_bytes(small()).unwrap().space();
    assert_eq!((space.dead_bytes, space.duplicates), (108 + 23, 0));
    assert_eq!(space.directory_bytes, 24576);
}

#[test]
fn directory_that_outgrows_its_slots_goes_to_the_end_and_its_traces_are_guarded() {
    let mut bytes = first_generation();
    for generation in 0..3u32 {
        let mut builder = ArchiveBuilder::append(bytes).unwrap();
        for id in 0..300 {
            builder.add(id, &pack(&noise(generation * 1000 + id, 20), Filter::None)).unwrap();
        }
        bytes = builder.finish().0;
        let archive = Archive::from_bytes(bytes.clone()).unwrap();
        assert_eq!(archive.read(299).unwrap(), noise(generation * 1000 + 299, 20));
        assert!(archive.verify(&mut quiet).unwrap().is_clean());
    }
    for at in (0..bytes.len()).step_by(13) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        let archive = Archive::from_bytes(bytes).unwrap();
        assert!(!archive.verify(&mut quiet).unwrap().is_clean(), "byte {at}");
    }
}

/// Requests until an entry's bytes are there.
fn requests(bytes: &[u8], id: u32) -> usize {
    let mut index = RemoteIndex::new();
    let serve = |range: ByteRange| {
        let start = range.offset as usize;
        &bytes[start..bytes.len().min(start + range.bytes as usize)]
    };
    let mut requests = 0;
    loop {
        let range = match (index.wants(), index.locate(id)) {
            (Some(range), _) | (None, Located::Unknown(range)) => range,
            (None, _) => return requests + 1,
        };
        index.supply(range.offset, serve(range)).unwrap();
        requests += 1;
    }
}

#[test]
fn any_entry_is_two_requests_away_and_three_with_a_directory_beyond_a_mebibyte() {
    let archive_of = |count: u32, expected: u32| {
        let mut builder = ArchiveBuilder::for_entries(expected);
        for id in 0..count {
            builder.add(id, &pack(&id.to_le_bytes(), Filter::None)).unwrap();
        }
        builder.finish().0
    };
    let touch = |bytes: Vec<u8>, id: u32| {
        let mut builder = ArchiveBuilder::append(bytes).unwrap();
        builder.add(id, &pack(b"patched", Filter::None)).unwrap();
        builder.finish().0
    };
    // 19,000 entries of 48 bytes, and an eighth to spare, are just under 1 MiB.
    let mut bytes = archive_of(19_000, 19_000);
    for generation in 0..3 {
        assert_eq!([0, 9_999, 18_999].map(|id| requests(&bytes, id)), [2; 3], "{generation}");
        bytes = touch(bytes, generation);
    }
    let mut bytes = archive_of(60_000, 60_000);
    for generation in 0..3 {
        let requests = [0, 31_000, 59_999].map(|id| requests(&bytes, id));
        assert!(requests.iter().all(|&n| n <= 3) && requests[2] == 3, "{requests:?}");
        bytes = touch(bytes, generation);
    }
    // Without an idea of their number the directory is at the end: one request more.
    let mut builder = ArchiveBuilder::new();
    for id in 0..1500 {
        builder.add(id, &pack(&noise(2 * id, 2_000), Filter::None)).unwrap();
    }
    assert_eq!(requests(&builder.finish().0, 1_000), 3);
}

/// Writes `value` into the directory of [`first_generation`], `at` bytes into the leaf or the root, makes the
/// checksums right again, and opens it.
fn claim(in_root: bool, at: usize, value: &[u8]) -> DirectoryFault {
    let mut bytes = first_generation();
    let (start, _) = if in_root { root_of(&bytes, 0) } else { leaf_of(&bytes, 0) }.unwrap();
    bytes[start + at..start + at + value.len()].copy_from_slice(value);
    reseal(&mut bytes);
    match Archive::from_bytes(bytes) {
        Err(ArchiveError::Directory { fault, .. }) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn impossible_claims_are_refused_by_name() {
    let entry = |fault| DirectoryFault::Entry { id: 0, fault };
    let huge = u32::MAX.to_le_bytes();
    let length = |stored_bytes, logical_bytes| EntryFault::Length { stored_bytes, logical_bytes };
    // Entry 0 is the first record of the leaf: 100 raw bytes and a block record.
    assert_eq!(
        claim(false, 0, &u64::MAX.to_le_bytes()),
        entry(EntryFault::Extent { offset: u64::MAX, stored_bytes: 108 })
    );
    assert_eq!(
        claim(false, 0, &0u64.to_le_bytes()),
        entry(EntryFault::Extent { offset: 0, stored_bytes: 108 })
    );
    assert!(matches!(
        claim(false, 8, &huge),
        DirectoryFault::Entry { id: 0, fault: EntryFault::Extent { stored_bytes: u32::MAX, .. } }
    ));
    assert_eq!(claim(false, 12, &huge), entry(length(108, u32::MAX)));
    // 100 stored bytes cannot become more than 255 times as many, nor fewer.
    assert_eq!(claim(false, 12, &25_501u32.to_le_bytes()), entry(length(108, 25_501)));
    assert_eq!(claim(false, 12, &99u32.to_le_bytes()), entry(length(108, 99)));
    assert_eq!(claim(false, 16, &[0]), entry(EntryFault::Record));
    assert_eq!(claim(false, 16, &[2]), entry(EntryFault::Record));
    assert_eq!(claim(false, 44, &[1]), entry(EntryFault::Record));
    assert_eq!(claim(false, 17, &[9]), entry(EntryFault::Filter { id: 9 }));
    let counts = |entries, sections, leaves, dead| DirectoryFault::Counts {
        entries,
        sections,
        leaves,
        dead,
    };
    assert_eq!(claim(true, 0, &huge), counts(u32::MAX, 1, 1, 0));
    assert_eq!(claim(true, 4, &huge), counts(4, u32::MAX, 1, 0));
    assert_eq!(claim(true, 8, &huge), counts(4, 1, u32::MAX, 0));
    assert_eq!(claim(true, 12, &huge), counts(4, 1, 1, u32::MAX));
    assert_eq!(claim(true, 0, &5000u32.to_le_bytes()), counts(5000, 1, 1, 0));
    assert!(matches!(claim(true, 4, &9u32.to_le_bytes()), DirectoryFault::RootLength { .. }));
    assert_eq!(
        claim(true, 16, &u64::MAX.to_le_bytes()),
        DirectoryFault::LeavesExtent { offset: u64::MAX, bytes: 4 * 48 }
    );
    assert!(matches!(
        claim(true, 12, &60_000_000u32.to_le_bytes()),
        DirectoryFault::LeavesExtent { .. }
    ));
    // The section's record follows its name.
    assert_eq!(
        claim(true, 32 + 8, &0u64.to_le_bytes()),
        DirectoryFault::Section {
            index: 0,
            fault: EntryFault::Extent { offset: 0, stored_bytes: 23 }
        }
    );
}

#[test]
fn impossible_superblocks_are_refused_by_name() {
    let changed = |at: usize, value: u64, len: usize| {
        let mut bytes = first_generation();
        for start in [0, 4096] {
            bytes[start + at..start + at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            let crc = crc32c(&bytes[start..start + 72]);
            bytes[start + 72..start + 76].copy_from_slice(&crc.to_le_bytes());
        }
        Archive::from_bytes(bytes).unwrap_err()
    };
    assert!(matches!(changed(8, 2, 4), ArchiveError::Version { found: 2, .. }));
    assert!(matches!(
        changed(12, 4096, 4),
        ArchiveError::Superblocks { faults: [SuperblockFault::BlockBytes { found: 4096 }, _], .. }
    ));
    assert!(matches!(
        changed(48, 4095, 4),
        ArchiveError::Superblocks { faults: [SuperblockFault::Slots { .. }, _], .. }
    ));
    // A page less than 4 GiB, in a file of a few pages.
    assert!(matches!(
        changed(52, 0xFFFF_F000, 4),
        ArchiveError::Superblocks { faults: [SuperblockFault::Slots { .. }, _], .. }
    ));
    assert!(matches!(
        changed(32, u64::MAX, 8),
        ArchiveError::Directory { fault: DirectoryFault::RootExtent { .. }, .. }
    ));
    assert!(matches!(
        changed(40, 3, 4),
        ArchiveError::Directory { fault: DirectoryFault::RootChecksum { .. }, .. }
    ));
    assert!(matches!(
        changed(24, u64::MAX, 8),
        ArchiveError::Truncated { expected_bytes: u64::MAX, .. }
    ));
    let mut bytes = small();
    bytes[0] = 0;
    bytes[4096] = 0;
    assert!(matches!(Archive::from_bytes(bytes), Err(ArchiveError::NotAnArchive { .. })));
    let mut bytes = small();
    bytes[20] ^= 1;
    bytes[4096 + 20] ^= 1;
    assert!(matches!(Archive::from_bytes(bytes), Err(ArchiveError::Superblocks { .. })));
}

/// An append would write leaves behind the end of the file, or make a file as long as the slots.
#[test]
fn slots_that_the_file_does_not_hold_are_refused_here_and_from_afar() {
    let (mut bytes, summary) = ArchiveBuilder::new().finish();
    bytes.resize(16384, 0);
    // No entries, sections, leaves or dead extents.
    bytes[8192..8192 + 32].fill(0);
    for (at, generation) in [(0, 2u64), (4096, 1)] {
        let mut superblock = b"\x89FAR\r\n\x1a\n".to_vec();
        superblock.extend(1u32.to_le_bytes());
        superblock.extend(65536u32.to_le_bytes());
        for field in [generation, 16384, 8192] {
            superblock.extend(field.to_le_bytes());
        }
        for field in [32, crc32c(&[0; 32]), 4096, 0xFFFF_F000] {
            superblock.extend(field.to_le_bytes());
        }
        superblock.extend(summary.content_hash.to_le_bytes());
        let crc = crc32c(&superblock);
        superblock.extend(crc.to_le_bytes());
        bytes[at..at + 76].copy_from_slice(&superblock);
    }
    let slots = SuperblockFault::Slots { root_bytes: 4096, leaf_bytes: 0xFFFF_F000 };
    let refused = |result: Result<(), ArchiveError>| match result {
        Err(ArchiveError::Superblocks { faults, .. }) => assert_eq!(faults, [slots; 2]),
        other => panic!("{other:?}"),
    };
    refused(Archive::from_bytes(bytes.clone()).map(drop));
    refused(RemoteIndex::new().supply(0, &bytes));
    refused(ArchiveBuilder::append(bytes).map(drop));
}

#[test]
fn a_generation_that_none_can_follow_is_refused() {
    let mut bytes = small();
    bytes[4096 + 16..4096 + 24].copy_from_slice(&u64::MAX.to_le_bytes());
    reseal(&mut bytes);
    let fault = SuperblockFault::Generation { found: u64::MAX };
    match ArchiveBuilder::append(bytes) {
        Err(ArchiveError::DamagedSuperblock { fault: found, .. }) => assert_eq!(found, fault),
        other => panic!("{other:?}"),
    }
}

#[test]
fn content_that_hardly_compresses_is_stored_raw() {
    let sizes = |bytes: &[u8], filter| {
        let packed = pack(bytes, filter);
        (packed.logical_bytes(), packed.stored_bytes())
    };
    assert_eq!(sizes(&noise(9, 70_000), Filter::None), (70_000, 70_016));
    assert_eq!(sizes(&[], Filter::None), (0, 0));
    // 3% of zeros gain less than 5%, 20% more.
    let mut bytes = noise(5, 60_000);
    bytes[..1800].fill(0);
    assert_eq!(sizes(&bytes, Filter::None), (60_000, 60_008));
    bytes[..12_000].fill(0);
    assert!(sizes(&bytes, Filter::None).1 < 57_000);
}

#[test]
fn smooth_heights_halve_behind_the_planar_filter() {
    // A parabola in centimetres, which plain LZ4 cannot touch.
    let heights: Vec<u8> = (0..256u32 * 256)
        .flat_map(|i| {
            let (x, y) = (i % 256, i / 256);
            ((x * x / 5 + y * y / 7 + 3 * x) as u16).to_le_bytes()
        })
        .collect();
    let plain = pack(&heights, Filter::None).stored_bytes();
    let planar = pack(&heights, Filter::PlanarDelta16 { row_samples: 256 }).stored_bytes();
    assert!(planar * 2 < heights.len() as u64, "{planar}");
    assert!(planar * 2 < plain, "{planar} against {plain}");
}

#[test]
fn decode_names_the_block_and_what_is_wrong() {
    let bytes = noise(3, 3 * BLOCK_BYTES - 5);
    let mut builder = ArchiveBuilder::new();
    builder.add(4, &pack(&bytes, Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    let mut stored = archive.stored(4).unwrap().to_vec();
    let mut out = vec![0; bytes.len()];
    let scratch = &mut Vec::new();
    // Behind the records of three blocks.
    stored[24 + 2 * BLOCK_BYTES] ^= 1;
    let error = archive.decode(4, &stored, &mut out, scratch).unwrap_err();
    assert_eq!((error.entry, error.block), (4, 2));
    assert!(matches!(error.kind, BlockErrorKind::Checksum { .. }));

    let short = archive.decode(4, &stored[1..], &mut out, scratch).unwrap_err();
    let expected = bytes.len() as u64 + 24;
    assert_eq!(short.kind, BlockErrorKind::Length { expected, found: expected - 1 });
    let expected = bytes.len() as u64;
    let short = archive.decode(4, &stored, &mut out[1..], scratch).unwrap_err();
    assert_eq!(short.kind, BlockErrorKind::Length { expected, found: expected - 1 });
    assert_eq!(archive.read(3).unwrap_err().kind, BlockErrorKind::Absent);
    assert_eq!(archive.read(u32::MAX).unwrap_err().kind, BlockErrorKind::Absent);
}

#[test]
fn blocks_that_do_not_decompress_are_found_behind_right_checksums() {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&[7; 500], Filter::ByteShuffle { stride: 4 })).unwrap();
    let mut bytes = builder.finish().0;
    let extent = Archive::from_bytes(bytes.clone()).unwrap().extent(0).unwrap();
    let start = extent.offset as usize;
    let range = start + 8..start + extent.stored_bytes as usize;
    let (leaf, _) = leaf_of(&bytes, 0).unwrap();
    let mut kinds = Vec::new();
    for content in [0xFF, 0x00] {
        bytes[range.clone()].fill(content);
        let crc = crc32c(&bytes[range.clone()]);
        bytes[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
        let crc = crc32c(&bytes[start..start + 8]);
        bytes[leaf + 40..leaf + 44].copy_from_slice(&crc.to_le_bytes());
        reseal(&mut bytes);
        let archive = Archive::from_bytes(bytes.clone()).unwrap();
        kinds.push(archive.read(0).unwrap_err().kind);
        assert_eq!(archive.verify(&mut quiet).unwrap().bad_blocks.len(), 1);
    }
    assert!(matches!(kinds[0], BlockErrorKind::Decompress));
    assert!(!matches!(kinds[1], BlockErrorKind::Checksum { .. }));
}

#[test]
fn content_that_differs_from_its_hash_is_found() {
    let mut bytes = first_generation();
    let (leaf, _) = leaf_of(&bytes, 0).unwrap();
    bytes[leaf + 24] ^= 1;
    reseal(&mut bytes);
    let report = Archive::from_bytes(bytes).unwrap().verify(&mut quiet).unwrap();
    assert_eq!(report.bad_entries, [0]);
    assert!(report.bad_content_hash, "the directory is not the one that was written");
}

#[test]
fn equal_content_has_an_equal_hash_and_is_stored_once() {
    let long = noise(4, 200_000);
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&long, Filter::None)).unwrap();
    builder.add(1, &pack(b"same", Filter::ByteShuffle { stride: 2 })).unwrap();
    builder.add(2, &pack(b"other", Filter::None)).unwrap();
    builder.add(3, &pack(&long, Filter::None)).unwrap();
    let (bytes, summary) = builder.finish();
    let archive = Archive::from_bytes(bytes.clone()).unwrap();
    // xxhsum -H2 of "same".
    assert_eq!(archive.entry_hash(1), Some(0x32E4_FC33_210E_DF0A_94D0_AF82_2E63_D179));
    assert_eq!(archive.entry_hash(0), archive.entry_hash(3));
    assert_ne!(archive.entry_hash(0), archive.entry_hash(2));
    assert_eq!(archive.entry_hash(4), None);
    assert_eq!(archive.extent(0), archive.extent(3));
    assert_eq!((summary.duplicates, summary.entries), (1, 4));
    assert!(summary.stored_bytes < 200_200);
    // As long as one of them lives, what they share is no dead extent.
    let mut builder = ArchiveBuilder::append(bytes).unwrap();
    builder.remove(0).unwrap();
    builder.add(2, &pack(&long, Filter::None)).unwrap();
    let (bytes, summary) = builder.finish();
    assert_eq!((summary.duplicates, summary.dead_bytes), (1, 5 + 8));
    let archive = Archive::from_bytes(bytes).unwrap();
    assert_eq!(archive.extent(2), archive.extent(3));
    assert!(archive.verify(&mut quiet).unwrap().is_clean());
}

#[test]
fn content_shared_with_an_older_entry_is_stored_once_though_that_is_replaced() {
    let add = |id, kind: u32| {
        let (filter, profile) = (Filter::None, Profile::Fast);
        Op::Add { id, bytes: noise(kind, 500), filter, profile }
    };
    // In the model: equal content is stored once.
    archive::check(&[add(0, 1), Op::Commit, add(1, 1), add(0, 2), add(2, 1)]);
    archive::check(&[add(0, 1), Op::Commit, add(1, 1), Op::Remove { id: 0 }, add(2, 1)]);
    // Two forms of it are stored once each.
    let shuffled = |id| {
        let (filter, profile) = (Filter::ByteShuffle { stride: 2 }, Profile::Fast);
        Op::Add { id, bytes: noise(1, 500), filter, profile }
    };
    archive::check(&[add(0, 1), shuffled(1), add(2, 1), shuffled(3), Op::Commit, shuffled(4)]);
}

#[test]
fn contents_with_one_hash_are_not_taken_for_each_other() {
    // Two archives put together so that entry 1 claims the hash of entry 0: the bytes differ, so
    // a writer that adds entry 0's content again must not be given entry 1's.
    let mut builder = ArchiveBuilder::new();
    builder.add(1, &pack(&noise(1, 100), Filter::None)).unwrap();
    let mut bytes = builder.finish().0;
    let other = pack(&noise(2, 100), Filter::None);
    let (leaf, _) = leaf_of(&bytes, 0).unwrap();
    bytes[leaf + 48 + 24..leaf + 48 + 40].copy_from_slice(&other.content_hash().to_le_bytes());
    reseal(&mut bytes);
    let mut builder = ArchiveBuilder::append(bytes).unwrap();
    builder.add(0, &other).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    assert_eq!(archive.read(0).unwrap(), noise(2, 100));
    assert_ne!(archive.extent(0), archive.extent(1));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_calls_give_an_archive_that_reads_back(input in prop::collection::vec(any::<u8>(), 0..120)) {
        archive::check(&Op::decode_all(&input));
    }

    #[test]
    fn filters_are_exact_on_any_bytes(
        bytes in prop::collection::vec(any::<u8>(), 0..4000),
        repeat in 1usize..60,
        filter in prop_oneof![
            (0u32..300).prop_map(|row_samples| Filter::PlanarDelta16 { row_samples }),
            any::<u32>().prop_map(|row_samples| Filter::PlanarDelta16 { row_samples }),
            (0u32..300).prop_map(|row_samples| Filter::PlanarDelta32 { row_samples }),
            any::<u32>().prop_map(|row_samples| Filter::PlanarDelta32 { row_samples }),
            (0u32..300).prop_map(|stride| Filter::ByteShuffle { stride }),
            any::<u32>().prop_map(|stride| Filter::ByteShuffle { stride }),
            (0u32..300).prop_map(|row_texels| Filter::SubtractGreen { row_texels }),
            any::<u32>().prop_map(|row_texels| Filter::SubtractGreen { row_texels }),
            (0u32..70).prop_map(|words| Filter::MeshVertices { stride: words * 4 }),
            any::<u32>().prop_map(|stride| Filter::MeshVertices { stride }),
            Just(Filter::MeshIndices16),
            Just(Filter::MeshIndices32),
        ],
        profile in prop_oneof![Just(Profile::Fast), Just(Profile::Small)],
    ) {
        // Repeated, so that LZ4 and with it the filter is used.
        let bytes = bytes.repeat(repeat);
        archive::check(&[Op::Add { id: 0, bytes, filter, profile }]);
    }

    #[test]
    fn damaged_directories_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_directory: bool,
    ) {
        let mut bytes = small();
        let range = if in_directory { 8192..8192 + 400 } else { 0..bytes.len() };
        for (at, value) in flips {
            let at = range.start + at.index(range.len());
            bytes[at] = value;
        }
        reseal(&mut bytes);
        archive::read_all(bytes);
    }
}

#[test]
#[ignore = "writes the golden file of a new format version"]
fn write_golden_file() {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1.far"), small()).unwrap();
}
