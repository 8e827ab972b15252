//! A state that was saved goes on as the original does; one that was tampered with is refused or is
//! a sound allocator, never a panic.

use farplane_alloc::{Handle, PassLimits, RangeAllocator, RoomRequest, SpanKind, Steps};

const LIMITS: PassLimits = PassLimits { bytes_max: 2000, moves_max: 8 };

/// Knuth, TAOCP 3.2.1.2.
fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state >> 8
}

/// A life with everything in it: blocks, pins, moves, rooms, a shrink.
fn live(allocator: &mut RangeAllocator, seed: u32, steps_count: usize) -> Vec<String> {
    let (mut state, mut log, mut steps) = (seed, vec![], Steps::default());
    for _ in 0..steps_count {
        let handles: Vec<Handle> = allocator
            .spans()
            .filter_map(|span| match span.kind {
                SpanKind::Block { handle, .. } | SpanKind::Vacated { handle } => Some(handle),
                SpanKind::Hole | SpanKind::Reserved => None,
            })
            .collect();
        let random = next(&mut state);
        let one = (!handles.is_empty()).then(|| handles[random as usize % handles.len()]);
        let size = u64::from(next(&mut state)) % 300 + 1;
        log.push(match next(&mut state) % 13 {
            0..=3 => format!("{:?}", allocator.allocate(size, 1 << (random % 5))),
            4 => format!("{:?}", allocator.allocate(size, 1024)),
            5..=6 => format!("{:?}", one.map(|handle| allocator.free(handle))),
            7 => format!("{:?}", one.map(|handle| allocator.pin(handle))),
            8 => {
                let plan = allocator.plan_moves(LIMITS, &mut steps.moves);
                let done: Vec<_> =
                    steps.moves.iter().step_by(2).map(|m| allocator.commit_move(m)).collect();
                format!("{plan:?} {:?} {done:?}", steps.moves)
            }
            9 | 10 => {
                let request = RoomRequest { size: 3 * size, align: 16, limits: LIMITS };
                let plan = allocator.plan_room(request, |_, bytes| Some(bytes * 2), &mut steps);
                let done: Vec<_> =
                    steps.moves.iter().step_by(3).map(|m| allocator.commit_move(m)).collect();
                let claimed = plan.map(|plan| allocator.claim(plan.room));
                format!("{plan:?} {steps:?} {done:?} {claimed:?}")
            }
            11 => {
                format!("{:?} {:?}", allocator.begin_shrink(5000 + size), allocator.finish_shrink())
            }
            _ => {
                let pass = allocator.plan_shrink(LIMITS, |_, _| None, &mut steps);
                let end =
                    if random.is_multiple_of(4) { allocator.abandon_shrink() } else { Ok(()) };
                format!("{pass:?} {steps:?} {end:?} {:?}", allocator.grow(8000))
            }
        });
    }
    log.push(format!("{:?}", allocator.stats()));
    log.push(format!("{:?}", allocator.spans().collect::<Vec<_>>()));
    log
}

#[test]
fn a_loaded_allocator_goes_on_as_the_saved_one() {
    for seed in 0..if cfg!(miri) { 2 } else { 60 } {
        let mut original = RangeAllocator::with_granule(8000, [1, 16][seed as usize % 2]);
        live(&mut original, seed, 150);
        let saved = serde_json::to_string(&original).unwrap();
        let mut loaded: RangeAllocator = serde_json::from_str(&saved).unwrap();
        assert_eq!(serde_json::to_string(&loaded).unwrap(), saved);
        assert_eq!(live(&mut loaded, seed + 1000, 150), live(&mut original, seed + 1000, 150));
    }
}

#[test]
fn no_change_of_one_number_makes_a_loaded_allocator_panic_or_overlap() {
    let mut refused = 0;
    let mut tried = 0;
    for seed in 0..if cfg!(miri) { 1 } else { 12 } {
        let mut original = RangeAllocator::with_granule(8000, 16);
        live(&mut original, seed, 60);
        let saved = serde_json::to_string(&original).unwrap();
        let numbers: Vec<(usize, &str)> = saved
            .split(|c: char| !c.is_ascii_digit())
            .filter(|number| !number.is_empty())
            .map(|number| (number.as_ptr().addr() - saved.as_ptr().addr(), number))
            .collect();
        let step = if cfg!(miri) { 97 } else { 3 };
        for (at, number) in numbers.into_iter().step_by(step) {
            for other in ["0", "1", "7", "16", "500", "4294967295", "18446744073709551615"] {
                let hostile = format!("{}{other}{}", &saved[..at], &saved[at + number.len()..]);
                tried += 1;
                let Ok(mut loaded) = serde_json::from_str::<RangeAllocator>(&hostile) else {
                    refused += 1;
                    continue;
                };
                let stats = loaded.stats();
                assert_eq!(stats.used + stats.free, stats.capacity);
                if stats.capacity < 1 << 20 {
                    live(&mut loaded, seed + 7, 40);
                }
            }
        }
    }
    assert!(refused * 2 > tried, "{refused} of {tried} refused");
}
