use super::Index;
use bevy_camera::Camera;
use bevy_camera::primitives::{Aabb as BevyAabb, Frustum as BevyFrustum};
use bevy_camera::visibility::{
    InheritedVisibility, ViewVisibility, VisibilityClass, VisibleEntities,
    check_visibility_cpu_culling,
};
use bevy_ecs::prelude::{Component, Entity, World};
use bevy_ecs::system::SystemId;
use bevy_shape::HalfSpace;
use bevy_tasks::{ComputeTaskPool, TaskPoolBuilder};
use bevy_transform::components::GlobalTransform;
use farplane_geom::{Aabb, Frustum, Sphere};
use std::any::TypeId;
use std::cell::RefCell;

/// What makes an entity one that is drawn.
#[derive(Component)]
struct Prop;

/// Which box an entity is.
#[derive(Component)]
struct Item(u32);

/// bevy's own system of its visibility check, over entities with nothing but what it asks for, on
/// one thread. It never tests the far plane of a frustum.
pub struct Bevy {
    world: RefCell<World>,
    camera: Entity,
    check: SystemId,
    /// By entity, the box.
    items: Vec<u32>,
}

impl Index for Bevy {
    fn build(boxes: &[Aabb]) -> Self {
        ComputeTaskPool::get_or_init(|| TaskPoolBuilder::new().num_threads(1).build());
        let mut world = World::new();
        let check = world.register_system(check_visibility_cpu_culling);
        let camera = world.spawn(Camera::default()).id();
        let class = || VisibilityClass(std::iter::once(TypeId::of::<Prop>()).collect());
        world.spawn_batch(
            boxes
                .iter()
                .zip(0..)
                .map(|(b, item)| {
                    let half_extents = (b.max - b.center()).to_array().into();
                    let around = BevyAabb { center: [0.0; 3].into(), half_extents };
                    let place = GlobalTransform::from_translation(b.center().to_array().into());
                    let seen = (InheritedVisibility::VISIBLE, ViewVisibility::HIDDEN, class());
                    (Prop, Item(item), around, place, seen)
                })
                .collect::<Vec<_>>(),
        );
        let mut items = Vec::new();
        let mut all = world.query::<(Entity, &Item)>();
        for (entity, &Item(item)) in all.iter(&world) {
            let at = entity.index_u32() as usize;
            items.resize(items.len().max(at + 1), u32::MAX);
            items[at] = item;
        }
        Self { world: RefCell::new(world), camera, check, items }
    }

    /// It has no such query.
    fn radius(&self, _sphere: &Sphere, _out: &mut Vec<u32>) {}

    fn frustum(&self, frustum: &Frustum, out: &mut Vec<u32>) {
        let mut world = self.world.borrow_mut();
        let mut camera = world.entity_mut(self.camera);
        let mut planes = camera.get_mut::<BevyFrustum>().expect("a camera has a frustum");
        for (half_space, plane) in planes.half_spaces.iter_mut().zip(frustum.planes) {
            *half_space = HalfSpace::new(plane.to_array().into());
        }
        world.run_system(self.check).expect("the system needs nothing that is not there");
        let seen = world.get::<VisibleEntities>(self.camera).expect("a camera sees entities");
        let seen = seen.get(TypeId::of::<Prop>()).iter();
        out.extend(seen.map(|entity| self.items[entity.index_u32() as usize]));
    }

    fn bytes(&self) -> Option<usize> {
        None
    }
}
