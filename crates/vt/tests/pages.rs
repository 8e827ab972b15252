//! Page pool, page table and indirection texels: what each promises, by example.

use farplane_vt::{
    DirtyRect, Indirection, PageId, PagePool, PageTable, PoolError, SLOTS_MAX, Slot, TableError,
    Texel, VtLayout,
};

#[test]
fn a_fresh_pool_gives_its_slots_in_order_and_then_none() {
    let mut pool = PagePool::new(3).unwrap();
    let slots: Vec<_> = std::iter::from_fn(|| pool.allocate()).map(|h| h.slot().0).collect();
    assert_eq!(slots, [0, 1, 2]);
    assert_eq!(pool.stats().refused, 1);
    assert_eq!(pool.handle(Slot(3)), None);
}

#[test]
fn a_handle_is_stale_once_its_slot_was_freed_even_if_it_is_taken_again() {
    let mut pool = PagePool::new(1).unwrap();
    let old = pool.allocate().unwrap();
    pool.free(old).unwrap();
    let new = pool.allocate().unwrap();
    assert_eq!(new.slot(), old.slot());
    assert!(matches!(pool.free(old), Err(PoolError::Stale { slot: Slot(0), .. })));
    assert!(pool.is_valid(new) && !pool.is_valid(old));
    assert_eq!(pool.handle(Slot(0)), Some(new));
}

#[test]
fn pools_have_one_slot_to_65535() {
    assert_eq!(PagePool::new(0).unwrap_err(), PoolError::Slots { slots: 0 });
    assert_eq!(PagePool::new(SLOTS_MAX + 1).unwrap_err(), PoolError::Slots { slots: 65_536 });
    assert_eq!(PagePool::new(SLOTS_MAX).unwrap().free_slots(), 65_535);
}

#[test]
fn the_last_slot_number_means_none_and_cannot_be_mapped() {
    let mut table = PageTable::new(&VtLayout::new(512, 512).unwrap());
    let slot = Slot(u16::MAX);
    assert_eq!(table.map(PageId::default(), slot), Err(TableError::NoSuchSlot { slot }));
    assert_eq!(table.mapped(), 0);
}

#[test]
fn a_missing_page_resolves_to_its_nearest_resident_ancestor() {
    let mut table = PageTable::new(&VtLayout::new(1024, 1024).unwrap());
    let (fine, middle, root) = (PageId::new(0, 5, 6), PageId::new(1, 2, 3), PageId::new(3, 0, 0));
    assert_eq!(table.resolve(fine), None);
    table.map(root, Slot(9)).unwrap();
    assert_eq!(table.resolve(fine), Some((root, Slot(9))));
    assert_eq!(table.map(middle, Slot(4)).unwrap(), None);
    assert_eq!(table.resolve(fine), Some((middle, Slot(4))));
    assert_eq!(table.resolve(PageId::new(0, 4, 5)), Some((root, Slot(9))));
    assert_eq!(table.map(middle, Slot(5)).unwrap(), Some(Slot(4)));
    assert_eq!(table.unmap(middle).unwrap(), Some(Slot(5)));
    assert_eq!(table.resolve(fine), Some((root, Slot(9))));
}

#[test]
fn texels_show_the_best_page_and_only_what_changed_is_dirty() {
    let layout = VtLayout::new(1024, 512).unwrap();
    let mut table = PageTable::new(&layout);
    let mut indirection = Indirection::new(&layout);
    let whole: Vec<_> = indirection.dirty().iter().map(|r| (r.mip, r.width, r.height)).collect();
    assert_eq!(whole, [(0, 8, 4), (1, 4, 2), (2, 2, 1), (3, 1, 1)]);
    assert!(indirection.texels(0).iter().all(|t| *t == Texel::NONE));
    indirection.clear_dirty();

    let root = PageId::new(3, 0, 0);
    table.map(root, Slot(7)).unwrap();
    indirection.refresh(&table, root).unwrap();
    assert!(indirection.texels(0).iter().all(|t| *t == 3 << 16 | 7));
    indirection.clear_dirty();

    let page = PageId::new(1, 3, 1);
    table.map(page, Slot(2)).unwrap();
    indirection.refresh(&table, page).unwrap();
    let expected = [
        DirtyRect { mip: 0, x: 6, y: 2, width: 2, height: 2 },
        DirtyRect { mip: 1, x: 3, y: 1, width: 1, height: 1 },
    ];
    assert_eq!(indirection.dirty(), expected);
    assert_eq!(
        indirection.texels(1),
        [3 << 16 | 7; 7].into_iter().chain([1 << 16 | 2]).collect::<Vec<u32>>()
    );
    assert_eq!(indirection.texels(4), []);

    indirection.clear_dirty();
    indirection.refresh(&table, page).unwrap();
    assert_eq!(indirection.dirty(), [], "nothing changed");
}

#[test]
fn neighbouring_changes_become_one_rectangle() {
    let layout = VtLayout::new(1024, 1024).unwrap();
    let mut table = PageTable::new(&layout);
    let mut indirection = Indirection::new(&layout);
    indirection.clear_dirty();
    for x in 2..6 {
        let page = PageId::new(0, x, 3);
        table.map(page, Slot(x)).unwrap();
        indirection.refresh(&table, page).unwrap();
    }
    assert_eq!(indirection.dirty(), [DirtyRect { mip: 0, x: 2, y: 3, width: 4, height: 1 }]);
    // Around this one there would be texels that did not change.
    let page = PageId::new(0, 6, 4);
    table.map(page, Slot(6)).unwrap();
    indirection.refresh(&table, page).unwrap();
    assert_eq!(indirection.dirty().len(), 2);
    // A row short of one texel.
    indirection.clear_dirty();
    for (x, y) in [(0, 0), (1, 0), (0, 1)] {
        let page = PageId::new(0, x, y);
        table.map(page, Slot(1)).unwrap();
        indirection.refresh(&table, page).unwrap();
    }
    assert_eq!(indirection.dirty().len(), 2);
}

#[test]
fn a_table_of_another_texture_is_refused() {
    let mut indirection = Indirection::new(&VtLayout::new(1024, 1024).unwrap());
    let table = PageTable::new(&VtLayout::new(1024, 512).unwrap());
    let error = indirection.refresh(&table, PageId::default()).unwrap_err();
    assert_eq!(error, TableError::OtherLayout { expected_pages: 85, found_pages: 43 });
}
