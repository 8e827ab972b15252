//! How a virtual texture is cut into pages, by hand calculation.

use farplane_vt::{LayoutError, NO_PAGE, PageId, SIDE_TEXELS_MAX, TexelRect, VtLayout};

#[test]
fn a_texture_of_16384_has_128_pages_a_side_and_8_mips() {
    let layout = VtLayout::new(16_384, 16_384).unwrap();
    assert_eq!(layout.mips(), 8);
    let sides: Vec<_> = (0..9).map(|mip| layout.pages_x(mip)).collect();
    assert_eq!(sides, [128, 64, 32, 16, 8, 4, 2, 1, 0]);
    assert_eq!(layout.pages(), 21_845);
    assert_eq!((layout.slot_texels(), layout.page_bytes()), (136, 136 * 136 * 4));
}

#[test]
fn odd_sizes_round_up_and_both_sides_end_at_one_page() {
    // 7 × 3 pages, the last column 1 texel wide.
    let layout = VtLayout::new(6 * 128 + 1, 300).unwrap();
    let sizes: Vec<_> = (0..5).map(|m| (layout.pages_x(m), layout.pages_y(m))).collect();
    assert_eq!(sizes, [(7, 3), (4, 2), (2, 1), (1, 1), (0, 0)]);
    assert_eq!(layout.mips(), 4);
    let texels: Vec<_> = (0..5).map(|m| (layout.mip_width(m), layout.mip_height(m))).collect();
    assert_eq!(texels, [(769, 300), (385, 150), (193, 75), (97, 38), (0, 0)]);
    let rect = layout.texel_rect(PageId::new(0, 6, 2)).unwrap();
    assert_eq!(rect, TexelRect { x: 768, y: 256, width: 1, height: 44 });
    let rect = layout.texel_rect(PageId::new(1, 3, 0)).unwrap();
    assert_eq!(rect, TexelRect { x: 384, y: 0, width: 1, height: 128 });
    assert_eq!(layout.texel_rect(PageId::new(0, 7, 0)), None);
    assert_eq!(layout.page_of_texel(0, 768, 299), Some(PageId::new(0, 6, 2)));
    assert_eq!(layout.page_of_texel(0, 769, 0), None);
    assert_eq!(layout.page_of_texel(4, 0, 0), None);
}

#[test]
fn dense_indices_count_all_pages_in_order() {
    for (width, height) in [(1, 1), (769, 300), (300, 5000), (16_384, 128), (2049, 2049)] {
        let layout = VtLayout::new(width, height).unwrap();
        let mut expected = 0;
        for mip in 0..layout.mips() {
            for y in 0..layout.pages_y(mip) {
                for x in 0..layout.pages_x(mip) {
                    let page = PageId::new(mip, x, y);
                    assert_eq!(layout.index(page), Some(expected));
                    assert_eq!(layout.page(expected), Some(page));
                    expected += 1;
                }
            }
            assert_eq!(layout.index(PageId::new(mip, layout.pages_x(mip), 0)), None);
            assert_eq!(layout.index(PageId::new(mip, 0, layout.pages_y(mip))), None);
        }
        assert_eq!(layout.pages(), expected);
        assert_eq!(layout.page(expected), None);
        assert_eq!(layout.index(PageId::new(layout.mips(), 0, 0)), None);
        assert_eq!(layout.index(PageId::new(255, 0, 0)), None);
    }
}

#[test]
fn every_page_is_a_child_of_its_parent_and_of_no_other() {
    let layout = VtLayout::new(769, 300).unwrap();
    let pages: Vec<_> = (0..layout.pages()).filter_map(|i| layout.page(i)).collect();
    for page in &pages {
        let parents: Vec<_> =
            pages.iter().filter(|p| layout.children(**p).any(|c| c == *page)).copied().collect();
        assert_eq!(parents, Vec::from_iter(layout.parent(*page)));
    }
    assert_eq!(layout.parent(PageId::new(3, 0, 0)), None);
    assert_eq!(layout.parent(PageId::new(0, 7, 0)), None);
    let outside = PageId::new(3, u16::MAX, u16::MAX);
    assert_eq!(layout.children(outside).count(), 0);
    let corner: Vec<_> = layout.children(PageId::new(1, 3, 1)).collect();
    assert_eq!(corner, [PageId::new(0, 6, 2)]);
}

#[test]
fn packing_keeps_the_page_and_its_order() {
    let layout = VtLayout::new(SIDE_TEXELS_MAX, SIDE_TEXELS_MAX).unwrap();
    assert_eq!((layout.pages_x(0), layout.mips()), (2048, 12));
    let mut pages: Vec<_> = [0, 1, 2047, 2048 * 2047, 2048 * 2048, layout.pages() - 1]
        .map(|i| layout.page(i).unwrap())
        .to_vec();
    for page in &pages {
        assert_eq!(PageId::unpack(page.pack()), *page);
        assert_ne!(page.pack(), NO_PAGE);
    }
    assert!(pages.is_sorted());
    assert!(pages.is_sorted_by_key(|page| page.pack()));
    pages.reverse();
    assert!(!pages.is_sorted());
    assert!(!layout.contains(PageId::unpack(NO_PAGE)));
    assert_eq!(PageId::new(1, 2, 3).pack(), 1 << 28 | 3 << 14 | 2);
}

#[test]
fn sizes_out_of_range_are_errors_that_name_the_numbers() {
    let size = |width, height| VtLayout::new(width, height).unwrap_err();
    assert_eq!(size(0, 5), LayoutError::Size { width: 0, height: 5 });
    assert_eq!(
        size(5, SIDE_TEXELS_MAX + 1).to_string(),
        "a virtual texture of 5 × 262145 texels: each side must be 1 to 262144"
    );
    assert_eq!(size(u32::MAX, u32::MAX), LayoutError::Size { width: u32::MAX, height: u32::MAX });
    let pages = |texels, border| VtLayout::with_pages(4096, 4096, texels, border).unwrap_err();
    assert_eq!(pages(0, 0), LayoutError::PageTexels { page_texels: 0 });
    assert_eq!(pages(u32::MAX, 0), LayoutError::PageTexels { page_texels: u32::MAX });
    assert_eq!(pages(8, 9), LayoutError::Border { border: 9, page_texels: 8 });
    assert_eq!(pages(1, 0), LayoutError::TooManyPages { pages_x: 4096, pages_y: 4096 });
}
