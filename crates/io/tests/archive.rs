//! The archive: its bytes, and what becomes of damaged and hostile ones.

mod model;

use farplane_io::{
    Archive, ArchiveBuilder, ArchiveError, BLOCK_BYTES, BlockErrorKind, DirectoryFault, EntryFault,
    Filter, SuperblockFault, pack,
};
use model::archive::{self, Op, leaf_of, reseal, root_of};
use model::{crc32c, noise};
use proptest::prelude::*;

fn quiet(_: u64, _: u64) {}

/// Three entries of every codec and filter, an absent one, a section and padding before a run.
fn small() -> Vec<u8> {
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
/// a run, no entry 0, and a section "meta" of two raw bytes.
fn by_hand() -> Vec<u8> {
    // A published vector of XXH64.
    let abc_hash = 0x44BC_2CF5_AD77_0999u64;
    let record = |offset: u64, bytes: u32, hash: u64| {
        let mut out = Vec::new();
        out.extend(offset.to_le_bytes());
        out.extend(bytes.to_le_bytes());
        out.extend(bytes.to_le_bytes());
        out.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        out.extend(hash.to_le_bytes());
        out
    };
    let block = |bytes: &[u8]| {
        let mut out = (bytes.len() as u32).to_le_bytes().to_vec();
        out.extend(crc32c(bytes).to_le_bytes());
        out
    };
    let mut file = vec![0; 8192];
    file.extend(b"hi");
    file.resize(12288, 0);
    file.extend(b"abc");
    file.resize(16384, 0);
    let mut leaf = vec![0; 32];
    leaf.extend(record(12288, 3, abc_hash));
    leaf.extend(block(b"abc"));
    file.extend(&leaf);
    file.resize(20480, 0);
    let mut root = Vec::new();
    for count in [2u32, 1, 1, 1] {
        root.extend(count.to_le_bytes());
    }
    root.extend(b"meta\0\0\0\0");
    root.extend(record(8192, 2, xxh64_by_the_book(b"hi", 0)));
    root.extend(block(b"hi"));
    root.extend(16384u64.to_le_bytes());
    root.extend((leaf.len() as u32).to_le_bytes());
    root.extend(crc32c(&leaf).to_le_bytes());
    file.extend(&root);
    file.resize(24576, 0);
    let hash = xxh64_by_the_book(&root, xxh64_by_the_book(&leaf, 0));
    for (at, generation) in [(0, 2u64), (4096, 1)] {
        let mut superblock = b"\x89FAR\r\n\x1a\n".to_vec();
        superblock.extend(1u32.to_le_bytes());
        superblock.extend(65536u32.to_le_bytes());
        for field in [generation, 20480, root.len() as u64, 24576, hash] {
            superblock.extend(field.to_le_bytes());
        }
        superblock.extend(crc32c(&root).to_le_bytes());
        let crc = crc32c(&superblock);
        superblock.extend(crc.to_le_bytes());
        file[at..at + 64].copy_from_slice(&superblock);
    }
    file
}

/// XXH64 read straight off its specification, a byte at a time.
fn xxh64_by_the_book(bytes: &[u8], seed: u64) -> u64 {
    const P: [u64; 5] = [
        11400714785074694791,
        14029467366897019727,
        1609587929392839161,
        9650029242287828579,
        2870177450012600261,
    ];
    let take = |at: usize, len: usize| {
        bytes[at..at + len].iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b))
    };
    let round = |acc: u64, lane: u64| {
        acc.wrapping_add(lane.wrapping_mul(P[1])).rotate_left(31).wrapping_mul(P[0])
    };
    let mut at = 0;
    let mut acc = seed.wrapping_add(P[4]);
    if bytes.len() >= 32 {
        let mut a = [
            seed.wrapping_add(P[0]).wrapping_add(P[1]),
            seed.wrapping_add(P[1]),
            seed,
            seed.wrapping_sub(P[0]),
        ];
        while at + 32 <= bytes.len() {
            for lane in &mut a {
                *lane = round(*lane, take(at, 8));
                at += 8;
            }
        }
        acc = [1, 7, 12, 18]
            .into_iter()
            .zip(a)
            .fold(0u64, |acc, (turn, lane)| acc.wrapping_add(lane.rotate_left(turn)));
        for lane in a {
            acc = (acc ^ round(0, lane)).wrapping_mul(P[0]).wrapping_add(P[3]);
        }
    }
    acc = acc.wrapping_add(bytes.len() as u64);
    while at < bytes.len() {
        let left = bytes.len() - at;
        (acc, at) = if left >= 8 {
            let acc = (acc ^ round(0, take(at, 8))).rotate_left(27);
            (acc.wrapping_mul(P[0]).wrapping_add(P[3]), at + 8)
        } else if left >= 4 {
            let acc = (acc ^ take(at, 4).wrapping_mul(P[0])).rotate_left(23);
            (acc.wrapping_mul(P[1]).wrapping_add(P[2]), at + 4)
        } else {
            let acc = (acc ^ take(at, 1).wrapping_mul(P[4])).rotate_left(11);
            (acc.wrapping_mul(P[0]), at + 1)
        };
    }
    acc = (acc ^ acc >> 33).wrapping_mul(P[1]);
    acc = (acc ^ acc >> 29).wrapping_mul(P[2]);
    acc ^ acc >> 32
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
    assert_eq!((summary.entries, summary.sections, summary.stored_bytes), (1, 1, 5));
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
    assert_eq!(archive.section(*b"about\0\0\0").unwrap(), b"a small archive");
    assert!(archive.verify(&mut quiet).is_clean());
}

#[test]
fn every_flipped_byte_is_found() {
    let good = small();
    let whole = Archive::from_bytes(good.clone()).unwrap();
    let contents: Vec<_> = (0..4).map(|id| whole.read(id).ok()).collect();
    for at in 0..good.len() {
        for flip in [0x01, 0xFF] {
            let mut bytes = good.clone();
            bytes[at] ^= flip;
            let archive = match Archive::from_bytes(bytes) {
                Ok(archive) => archive,
                Err(ArchiveError::Directory { .. }) => {
                    assert!(at >= 8192, "a damaged superblock is made up for by the other");
                    continue;
                }
                Err(other) => panic!("byte {at}: {other}"),
            };
            let report = archive.verify(&mut quiet);
            assert!(!report.is_clean(), "byte {at} flipped with {flip:#x} was not found");
            let damaged = [0, 1].map(|i| at / 4096 == i);
            assert_eq!(report.superblocks.map(|fault| fault.is_some()), damaged, "byte {at}");
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
    let good = small();
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
    let report = archive.verify(&mut quiet);
    assert_eq!(report.trailing_bytes, 3);
    assert!(!report.is_clean());
}

#[test]
fn newer_superblock_counts_unless_its_directory_is_damaged() {
    // A second directory behind the first, as an append would leave it: superblock 1 with
    // generation 3. Here the same root again, at the old end of the file.
    let mut bytes = small();
    let end = bytes.len();
    let (root, root_bytes) = root_of(&bytes).unwrap();
    let copy = bytes[root..root + root_bytes].to_vec();
    bytes.extend(copy);
    bytes.resize(bytes.len().next_multiple_of(4096), 0);
    let mut newer = bytes[..60].to_vec();
    newer[16..24].copy_from_slice(&3u64.to_le_bytes());
    newer[24..32].copy_from_slice(&(end as u64).to_le_bytes());
    let len = bytes.len() as u64;
    newer[40..48].copy_from_slice(&len.to_le_bytes());
    let crc = crc32c(&newer);
    newer.extend(crc.to_le_bytes());
    bytes[4096..4160].copy_from_slice(&newer);
    assert_eq!(Archive::from_bytes(bytes.clone()).unwrap().file_bytes(), len);

    bytes[end] ^= 1;
    let archive = Archive::from_bytes(bytes).unwrap();
    assert_eq!(archive.file_bytes(), end as u64);
    assert!(archive.read(3).is_ok());
    let report = archive.verify(&mut quiet);
    assert_eq!(report.superblocks, [None, Some(SuperblockFault::Content)]);
}

/// Writes `value` into the directory of [`small`], `at` bytes into the leaf or the root, makes the
/// checksums right again, and opens it.
fn claim(in_root: bool, at: usize, value: &[u8]) -> DirectoryFault {
    let mut bytes = small();
    let (start, _) = if in_root { root_of(&bytes) } else { leaf_of(&bytes, 0) }.unwrap();
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
    // Entry 0 is the first record of the leaf.
    assert_eq!(
        claim(false, 0, &u64::MAX.to_le_bytes()),
        entry(EntryFault::Extent { offset: u64::MAX, stored_bytes: 100 })
    );
    assert_eq!(
        claim(false, 0, &0u64.to_le_bytes()),
        entry(EntryFault::Extent { offset: 0, stored_bytes: 100 })
    );
    assert!(matches!(
        claim(false, 8, &huge),
        DirectoryFault::Entry { id: 0, fault: EntryFault::Extent { stored_bytes: u32::MAX, .. } }
    ));
    assert_eq!(claim(false, 12, &huge), entry(EntryFault::BlocksMissing));
    assert_eq!(claim(false, 12, &101u32.to_le_bytes()), entry(EntryFault::Block { block: 0 }));
    assert_eq!(
        claim(false, 8, &99u32.to_le_bytes()),
        entry(EntryFault::StoredBytes { blocks: 100, record: 99 })
    );
    assert_eq!(claim(false, 16, &[0]), entry(EntryFault::Record));
    assert_eq!(claim(false, 16, &[2]), entry(EntryFault::Record));
    assert_eq!(claim(false, 17, &[9]), entry(EntryFault::Filter { id: 9 }));
    // The block record of entry 0 follows four entry records: an unknown codec.
    assert_eq!(claim(false, 4 * 32 + 3, &[7]), entry(EntryFault::Block { block: 0 }));
    // LZ4 expands 500 bytes from no fewer than 2: entry 1's block is the second.
    assert_eq!(
        claim(false, 4 * 32 + 8, &[1, 0, 0, 1]),
        DirectoryFault::Entry { id: 1, fault: EntryFault::Block { block: 0 } }
    );
    let counts = |entries, leaves| DirectoryFault::Counts { entries, leaves };
    assert_eq!(claim(true, 0, &huge), counts(u32::MAX, 1));
    assert_eq!(claim(true, 8, &huge), counts(4, u32::MAX));
    assert_eq!(claim(true, 0, &5000u32.to_le_bytes()), counts(5000, 1));
    assert_eq!(claim(true, 0, &1000u32.to_le_bytes()), DirectoryFault::LeafLength { leaf: 0 });
    assert!(matches!(claim(true, 4, &huge), DirectoryFault::RootLength { .. }));
    assert!(matches!(claim(true, 12, &huge), DirectoryFault::RootLength { .. }));
    let leaf = 16 + 40 + 8;
    assert_eq!(claim(true, leaf, &u64::MAX.to_le_bytes()), DirectoryFault::LeafExtent { leaf: 0 });
    assert_eq!(claim(true, leaf + 8, &huge), DirectoryFault::LeafExtent { leaf: 0 });
    assert_eq!(
        claim(true, 24, &0u64.to_le_bytes()),
        DirectoryFault::Section {
            index: 0,
            fault: EntryFault::Extent { offset: 0, stored_bytes: 15 }
        }
    );
}

#[test]
fn impossible_superblocks_are_refused_by_name() {
    let changed = |at: usize, value: u64, len: usize| {
        let mut bytes = small();
        for start in [0, 4096] {
            bytes[start + at..start + at + len].copy_from_slice(&value.to_le_bytes()[..len]);
            let crc = crc32c(&bytes[start..start + 60]);
            bytes[start + 60..start + 64].copy_from_slice(&crc.to_le_bytes());
        }
        Archive::from_bytes(bytes).unwrap_err()
    };
    assert!(matches!(changed(8, 2, 4), ArchiveError::Version { found: 2, .. }));
    assert!(matches!(
        changed(12, 4096, 4),
        ArchiveError::Superblocks { faults: [SuperblockFault::BlockBytes { found: 4096 }, _], .. }
    ));
    assert!(matches!(
        changed(24, u64::MAX, 8),
        ArchiveError::Directory { fault: DirectoryFault::RootExtent { .. }, .. }
    ));
    assert!(matches!(
        changed(32, 3, 8),
        ArchiveError::Directory { fault: DirectoryFault::RootChecksum { .. }, .. }
    ));
    assert!(matches!(
        changed(40, u64::MAX, 8),
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

#[test]
fn leaves_that_share_bytes_cannot_claim_a_large_directory() {
    // 1024 absent entries take one leaf of 32 KiB; 64 leaves at its place would be 2 MiB of
    // records from a file of 48 KiB.
    let archive_of = |leaves: u32| {
        let mut file = vec![0; 8192 + 1024 * 32];
        let root = file.len();
        for count in [leaves * 1024, 0, leaves, 0] {
            file.extend(count.to_le_bytes());
        }
        for _ in 0..leaves {
            file.extend(8192u64.to_le_bytes());
            file.extend((1024u32 * 32).to_le_bytes());
            file.extend(crc32c(&file[8192..root]).to_le_bytes());
        }
        let root_bytes = file.len() - root;
        file.resize(49152, 0);
        file[..64].copy_from_slice(&small()[..64]);
        for (at, value) in [(24, root), (32, root_bytes), (40, 49152)] {
            file[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
        }
        reseal(&mut file);
        Archive::from_bytes(file)
    };
    assert_eq!(archive_of(1).unwrap().entries(), 1024);
    assert!(matches!(
        archive_of(64),
        Err(ArchiveError::Directory { fault: DirectoryFault::LeafExtent { leaf: 1 }, .. })
    ));
}

#[test]
fn content_that_hardly_compresses_is_stored_raw() {
    let sizes = |bytes: &[u8], filter| {
        let packed = pack(bytes, filter);
        (packed.logical_bytes(), packed.stored_bytes())
    };
    assert_eq!(sizes(&noise(9, 70_000), Filter::None), (70_000, 70_000));
    assert_eq!(sizes(&[], Filter::None), (0, 0));
    // 3% of zeros gain less than 5%, 20% more.
    let mut bytes = noise(5, 60_000);
    bytes[..1800].fill(0);
    assert_eq!(sizes(&bytes, Filter::None), (60_000, 60_000));
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
    stored[2 * BLOCK_BYTES] ^= 1;
    let error = archive.decode(4, &stored, &mut out, scratch).unwrap_err();
    assert_eq!((error.entry, error.block), (4, 2));
    assert!(matches!(error.kind, BlockErrorKind::Checksum { .. }));

    let short = archive.decode(4, &stored[1..], &mut out, scratch).unwrap_err();
    let expected = bytes.len() as u64;
    assert_eq!(short.kind, BlockErrorKind::Length { expected, found: expected - 1 });
    let short = archive.decode(4, &stored, &mut out[1..], scratch).unwrap_err();
    assert_eq!(short.kind, BlockErrorKind::Length { expected, found: expected - 1 });
    assert_eq!(archive.read(3).unwrap_err().kind, BlockErrorKind::Absent);
    assert_eq!(archive.read(u32::MAX).unwrap_err().kind, BlockErrorKind::Absent);
}

#[test]
fn blocks_that_do_not_decompress_are_found_behind_a_right_checksum() {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(&[7; 500], Filter::ByteShuffle { stride: 4 })).unwrap();
    let mut bytes = builder.finish().0;
    let extent = Archive::from_bytes(bytes.clone()).unwrap().extent(0).unwrap();
    let range = extent.offset as usize..extent.offset as usize + extent.stored_bytes as usize;
    let (leaf, _) = leaf_of(&bytes, 0).unwrap();
    let mut kinds = Vec::new();
    for content in [0xFF, 0x00] {
        bytes[range.clone()].fill(content);
        let crc = crc32c(&bytes[range.clone()]);
        bytes[leaf + 36..leaf + 40].copy_from_slice(&crc.to_le_bytes());
        reseal(&mut bytes);
        let archive = Archive::from_bytes(bytes.clone()).unwrap();
        kinds.push(archive.read(0).unwrap_err().kind);
        assert_eq!(archive.verify(&mut quiet).bad_blocks.len(), 1);
    }
    assert!(matches!(kinds[0], BlockErrorKind::Decompress));
    assert!(!matches!(kinds[1], BlockErrorKind::Checksum { .. }));
}

#[test]
fn content_that_differs_from_its_hash_is_found() {
    let mut bytes = small();
    let (leaf, _) = leaf_of(&bytes, 0).unwrap();
    bytes[leaf + 24] ^= 1;
    reseal(&mut bytes);
    let report = Archive::from_bytes(bytes).unwrap().verify(&mut quiet);
    assert_eq!(report.bad_entries, [0]);
    assert!(report.bad_content_hash, "the directory is not the one that was written");
}

#[test]
fn equal_content_has_an_equal_hash() {
    let mut builder = ArchiveBuilder::new();
    builder.add(0, &pack(b"same", Filter::None)).unwrap();
    builder.add(1, &pack(b"same", Filter::ByteShuffle { stride: 2 })).unwrap();
    builder.add(2, &pack(b"other", Filter::None)).unwrap();
    let archive = Archive::from_bytes(builder.finish().0).unwrap();
    assert_eq!(archive.entry_hash(0), Some(xxh64_by_the_book(b"same", 0)));
    assert_eq!(archive.entry_hash(0), archive.entry_hash(1));
    assert_ne!(archive.entry_hash(0), archive.entry_hash(2));
    assert_eq!(archive.entry_hash(3), None);
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
            (0u32..300).prop_map(|stride| Filter::ByteShuffle { stride }),
            any::<u32>().prop_map(|stride| Filter::ByteShuffle { stride }),
        ],
    ) {
        // Repeated, so that LZ4 and with it the filter is used.
        let bytes = bytes.repeat(repeat);
        archive::check(&[Op::Add { id: 0, bytes, filter }]);
    }

    #[test]
    fn damaged_directories_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_directory: bool,
    ) {
        let mut bytes = small();
        let first = if in_directory { leaf_of(&bytes, 0).unwrap().0 } else { 0 };
        for (at, value) in flips {
            let at = first + at.index(bytes.len() - first);
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
