//! What the texture pool promises beyond the oracle.

use farplane_alloc::{TextureDescriptor, TextureLimits, TexturePool};
use std::cell::Cell;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Square(u64);

impl TextureDescriptor for Square {
    fn bytes(&self) -> u64 {
        4 * self.0 * self.0
    }
}

const LIMITS: TextureLimits = TextureLimits { count_max: 3, bytes_max: 10_000 };

#[test]
fn a_texture_is_neither_reused_nor_dropped_before_its_frame_is_done() {
    let live = Cell::new(0);
    struct Counted<'a>(&'a Cell<i32>);
    impl Drop for Counted<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
    let make = |_: &Square| {
        live.set(live.get() + 1);
        Counted(&live)
    };
    let mut pool = TexturePool::new(LIMITS);
    let keys = [0; 3].map(|_| pool.acquire(&Square(8), make).unwrap());
    pool.release(keys[0], 5).unwrap();
    pool.frame_done(4);
    let error = pool.acquire(&Square(8), make).unwrap_err();
    assert_eq!(error.waits_for, Some(5));
    assert_eq!(
        error.to_string(),
        "no room for a texture of 256 bytes: 2 of 3 textures and 512 of 10000 bytes are in use: \
         wait until frame 5 is done"
    );
    assert_eq!((pool.trim(TextureLimits { count_max: 0, bytes_max: 0 }), live.get()), (0, 3));
    pool.frame_done(5);
    // Another kind takes its place.
    let other = pool.acquire(&Square(16), make).unwrap();
    assert_eq!((live.get(), pool.stats().evicted, pool.stats().used), (3, 1, 3));
    assert!(pool.get(other).is_some() && pool.get(keys[0]).is_none());
    assert!(pool.release(keys[0], 6).is_err());
}

#[test]
fn the_texture_released_longest_ago_goes_first() {
    let mut pool = TexturePool::new(LIMITS);
    let keys = [1, 2, 3].map(|size| pool.acquire(&Square(size), |made| made.0).unwrap());
    for key in [keys[1], keys[0], keys[2]] {
        pool.release(key, 0).unwrap();
    }
    pool.frame_done(0);
    pool.acquire(&Square(4), |made| made.0).unwrap();
    // Of 1, 2 and 3 only the second is gone.
    pool.acquire(&Square(1), |_| unreachable!()).unwrap();
    pool.acquire(&Square(3), |_| unreachable!()).unwrap();
    assert_eq!((pool.stats().evicted, pool.stats().idle), (1, 0));
}

#[test]
fn a_request_that_can_never_fit_drops_nothing() {
    let mut pool = TexturePool::new(LIMITS);
    let key = pool.acquire(&Square(8), |_| ()).unwrap();
    pool.release(key, 0).unwrap();
    pool.frame_done(9);
    let error = pool.acquire(&Square(1000), |_| unreachable!()).err().map(|e| e.waits_for);
    assert_eq!((error, pool.stats().idle), (Some(None), 1));
}
