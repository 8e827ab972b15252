//! The harness's own ECS: the camera and every prop are entities. The crates below know of none.

use farplane::WorldIndex;
use farplane::geom::View;
use farplane::lod::DrawItem;

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
    shown: Vec<u32>,
    /// What each prop's entity shows, and the frame that drew it last.
    levels: Vec<(Option<u8>, u32)>,
    frame: u32,
}

impl Entities {
    /// Spawns the camera and the props.
    pub fn new(index: &WorldIndex, view: View) -> Self {
        let mut ecs = hecs::World::new();
        let camera = ecs.spawn((view,));
        let instances = 0..index.world.instances.len() as u32;
        let props = ecs.spawn_batch(instances.map(|i| (Prop(i), Shown::default()))).collect();
        Self {
            levels: vec![(None, 0); index.world.instances.len()],
            ecs,
            camera,
            props,
            shown: Vec::new(),
            frame: 0,
        }
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
    pub fn show(&mut self, draw: &[DrawItem]) {
        self.frame = self.frame.wrapping_add(1);
        for d in draw {
            let (level, seen) = &mut self.levels[d.instance as usize];
            if *level != Some(d.level) {
                *level = Some(d.level);
                set(&mut self.ecs, self.props[d.instance as usize], Shown(*level));
            }
            *seen = self.frame;
        }
        for instance in self.shown.drain(..) {
            let (level, seen) = &mut self.levels[instance as usize];
            if *seen != self.frame {
                *level = None;
                set(&mut self.ecs, self.props[instance as usize], Shown(None));
            }
        }
        self.shown.extend(draw.iter().map(|d| d.instance));
    }
}

fn set(ecs: &mut hecs::World, entity: hecs::Entity, to: Shown) {
    if let Ok(shown) = ecs.query_one_mut::<&mut Shown>(entity) {
        *shown = to;
    }
}
