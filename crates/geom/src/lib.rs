#![doc = include_str!("../README.md")]
#![no_std]

mod aabb;
mod frustum;
mod projection;
mod sphere;
mod view;

pub use aabb::Aabb;
pub use frustum::{Containment, Frustum};
pub use glam::{DMat3, DQuat, DVec2, DVec3, Vec2, Vec3};
pub use projection::{Geographic, Projection};
pub use sphere::Sphere;
pub use view::View;
