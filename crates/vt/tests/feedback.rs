//! Feedback analysis counts as a map does, and ranks in one order only.

use std::collections::BTreeMap;

use farplane_vt::{FeedbackScratch, NO_PAGE, PageId, Request, analyse};
use proptest::prelude::*;

/// A map, and a sort.
fn naive(samples: &[u32]) -> Vec<Request> {
    let mut counts = BTreeMap::new();
    for sample in samples.iter().filter(|s| **s != NO_PAGE) {
        *counts.entry(PageId::unpack(*sample)).or_insert(0) += 1;
    }
    let mut requests: Vec<_> =
        counts.into_iter().map(|(page, count)| Request { page, count }).collect();
    requests.sort_by_key(|r| (std::cmp::Reverse(r.count), r.page));
    requests
}

proptest! {
    #[test]
    fn requests_are_those_of_a_map(
        frames in proptest::collection::vec(
            proptest::collection::vec((0..3000_u32, 1..5_usize), 0..2000), 1..4),
        spread in any::<u32>(),
    ) {
        // One scratch for all frames: what an earlier one left must not show.
        let mut scratch = FeedbackScratch::new();
        let mut requests = vec![Request { page: PageId::default(), count: 7 }];
        for frame in frames {
            let page = |n: u32| if n == 0 { NO_PAGE } else { n.wrapping_mul(spread) };
            let samples: Vec<_> =
                frame.iter().flat_map(|(n, run)| std::iter::repeat_n(page(*n), *run)).collect();
            analyse(&samples, &mut scratch, &mut requests);
            prop_assert_eq!(&requests, &naive(&samples));
        }
    }
}

#[test]
fn every_sample_another_page_is_counted_too() {
    let samples: Vec<_> = (0..20_000_u32).map(|i| i.wrapping_mul(0x9e37_79b1)).collect();
    let mut requests = Vec::new();
    analyse(&samples, &mut FeedbackScratch::new(), &mut requests);
    assert_eq!(requests, naive(&samples));
    assert_eq!(requests.len(), 20_000);
}

#[test]
fn samples_of_nothing_ask_for_nothing() {
    let mut requests = vec![Request { page: PageId::default(), count: 1 }];
    analyse(&[NO_PAGE; 100], &mut FeedbackScratch::new(), &mut requests);
    assert_eq!(requests, []);
    analyse(&[], &mut FeedbackScratch::new(), &mut requests);
    assert_eq!(requests, []);
}

#[test]
fn most_samples_come_first_then_finer_pages_then_rows() {
    let [a, b, c, d] =
        [(0, 9, 1), (0, 1, 2), (1, 0, 0), (3, 0, 0)].map(|(mip, x, y)| PageId::new(mip, x, y));
    let samples = [c, d, b, d, a].map(PageId::pack);
    let mut requests = Vec::new();
    analyse(&samples, &mut FeedbackScratch::new(), &mut requests);
    let expected = [(d, 2), (a, 1), (b, 1), (c, 1)];
    assert_eq!(requests, expected.map(|(page, count)| Request { page, count }));
}
