//! What budgets promise beyond the oracle: errors that tell what to do, and many threads.

use farplane_alloc::{Budget, Category};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const ROUNDS: usize = if cfg!(miri) { 30 } else { 20_000 };

fn world() -> Budget {
    let textures = Category::new("textures", 1500).with(Category::new("pages", 900));
    Budget::new(Category::new("total", 2000).with(Category::new("terrain", 800)).with(textures))
}

#[test]
fn an_error_names_who_holds_what_where_the_room_ends() {
    let total = world();
    let (terrain, pages) = (total.find("terrain").unwrap(), total.find("textures/pages").unwrap());
    let _held =
        (terrain.reserve(700).unwrap(), pages.reserve(850).unwrap(), total.reserve(420).unwrap());
    let error = pages.reserve(100).unwrap_err();
    assert_eq!(
        error.to_string(),
        "over budget: 100 bytes asked for, 30 of 2000 left in total (held: textures 850, \
         terrain 700, total 420): release some or raise the limit"
    );
    assert_eq!(total.find("textures/nothing").map(|found| found.name().to_owned()), None);
}

#[test]
fn a_budget_shrinks_below_what_is_in_use_and_tells_the_excess() {
    let total = world();
    let pages = total.find("textures/pages").unwrap();
    let mut held = pages.reserve(800).unwrap();
    assert_eq!(total.set_limit(500), 300);
    assert_eq!((total.usage().excess(), pages.usage().excess(), pages.excess()), (300, 0, 300));
    assert!(pages.try_reserve(1).is_none());
    held.resize(450).unwrap();
    assert_eq!((pages.excess(), pages.usage().available), (0, 50));
    assert_eq!(pages.usage().peak, 800);
}

#[test]
fn what_was_read_becomes_resident_in_a_full_budget() {
    let total = Budget::new(
        Category::new("total", 100)
            .with(Category::new("in flight", 100))
            .with(Category::new("resident", 100)),
    );
    let (in_flight, resident) = (total.find("in flight").unwrap(), total.find("resident").unwrap());
    let mut held = in_flight.reserve(100).unwrap();
    held.move_to(&resident).unwrap();
    assert_eq!((in_flight.usage().used, resident.usage().used, total.usage().used), (0, 100, 100));
}

/// Each thread reserves, moves and releases; a watcher lowers and raises the limits all the time.
#[test]
fn threads_never_hold_more_than_the_limit_and_leave_nothing_behind() {
    let total = world();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 1..4_u64 {
            let (total, over) = (&total, &over);
            scope.spawn(move || {
                let (terrain, pages) =
                    (total.find("terrain").unwrap(), total.find("textures/pages").unwrap());
                let mut held = Vec::new();
                let mut random = seed;
                for _ in 0..ROUNDS {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let to = if random & 1 == 0 { &terrain } else { &pages };
                    match random >> 1 & 3 {
                        0 | 1 => held.extend(to.try_reserve(random >> 8 & 255)),
                        2 => held.truncate(held.len() / 2),
                        _ => {
                            if let Some(last) = held.last_mut() {
                                let _ = last.move_to(to);
                            }
                        }
                    }
                    // The limit is only ever lowered below 2000.
                    over.fetch_or(total.usage().used > 2000, Ordering::Relaxed);
                }
            });
        }
        for round in 0..ROUNDS {
            total.set_limit(if round % 2 == 0 { 1000 } else { 2000 });
        }
    });
    assert!(!over.into_inner());
    assert!(total.usage().peak <= 2000);
    for category in [total.clone(), total.find("terrain").unwrap()] {
        assert_eq!(category.usage().used, 0);
    }
}
