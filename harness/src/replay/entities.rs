//! The harness's own ECS: the camera and every prop are entities. The crates below know of none.

use farplane::WorldIndex;
use farplane::geom::View;
use farplane::lod::Batches;

/// Where a prop is drawn from: the level shown in the last frame, or nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown(pub Option<u8>);

/// Number of the prop's instance in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prop(pub u32);

/// A camera entity and one entity for each prop.
pub struct Entities {
    ecs: hecs::World,
    camera: hecs::Entity,
    props: Vec<hecs::Entity>,
    /// The level that each prop's entity shows, [`NOTHING`] for none.
    before: Vec<u8>,
    now: Vec<u8>,
}

/// No level.
const NOTHING: u8 = u8::MAX;

/// Props that are compared at once.
const BLOCK: usize = 64;

impl Entities {
    /// Spawns the camera and the props.
    pub fn new(index: &WorldIndex, view: View) -> Self {
        let mut ecs = hecs::World::new();
        let camera = ecs.spawn((view,));
        let instances = 0..index.world.instances.len() as u32;
        let props = ecs.spawn_batch(instances.map(|i| (Prop(i), Shown::default()))).collect();
        let nothing = vec![NOTHING; index.world.instances.len()];
        Self { ecs, camera, props, before: nothing.clone(), now: nothing }
    }

    /// Moves the camera.
    pub fn set_view(&mut self, view: View) {
        if let Ok(v) = self.ecs.query_one_mut::<&mut View>(self.camera) {
            *v = view;
        }
    }

    /// The views of all cameras.
    pub fn views(&mut self, out: &mut Vec<View>) {
        out.clear();
        out.extend(self.ecs.query_mut::<&View>().into_iter().copied());
    }

    /// Writes what is drawn into the props' entities: those that changed.
    pub fn show(&mut self, drawn: &Batches) {
        self.now.fill(NOTHING);
        for (batch, args) in drawn.batches.iter().zip(&drawn.args) {
            let first = args.first_instance as usize;
            for &instance in &drawn.instances[first..first + args.instance_count as usize] {
                self.now[instance as usize] = batch.level;
            }
        }
        let blocks = self.before.chunks(BLOCK).zip(self.now.chunks(BLOCK));
        for (block, (before, now)) in blocks.enumerate() {
            // Compared whole: most blocks show what they showed.
            if before == now {
                continue;
            }
            for (i, (before, &now)) in (block * BLOCK..).zip(before.iter().zip(now)) {
                if *before != now {
                    let shown = Shown((now != NOTHING).then_some(now));
                    set(&mut self.ecs, self.props[i], shown);
                }
            }
        }
        core::mem::swap(&mut self.before, &mut self.now);
    }
}

fn set(ecs: &mut hecs::World, entity: hecs::Entity, to: Shown) {
    if let Ok(shown) = ecs.query_one_mut::<&mut Shown>(entity) {
        *shown = to;
    }
}
