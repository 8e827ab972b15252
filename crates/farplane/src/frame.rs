use farplane_lod::{Batches, QuadNode};
use farplane_stream::Changes;
use farplane_vt::{DirtyRect, PageId};

/// What a frame is made of: plain lists, refilled by every update and owned by the caller.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Resident tiles that cover all that is wanted of the ground, exactly once per view.
    pub tiles: Vec<QuadNode>,
    /// Instances with a resident level of their mesh (the wanted level, the next coarser resident one,
    /// else a finer one) in as few draw calls as their meshes and levels allow. Their material is 0,
    /// since a mesh has its own; indices and vertices count from the beginning of the level's own
    /// bytes. [`Batches::items`] lists them one by one.
    pub batches: Batches,
    /// Pages that now have a slot, and it.
    pub pages_mapped: Vec<(PageId, u32)>,
    /// Pages that no longer have one.
    pub pages_unmapped: Vec<PageId>,
    /// Rectangles of the indirection texture to send to the GPU.
    pub indirection_dirty: Vec<DirtyRect>,
    /// Units loaded, evicted and moved: what to upload and what to drop.
    pub changes: Changes,
    /// Counts.
    pub stats: FrameStats,
}

/// Counts of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FrameStats {
    /// Wants given to the streaming core.
    pub wants: u32,
    /// Wanted tiles and instances without any resident stand-in: a bug if not 0.
    pub holes: u32,
    /// Instances in the views that cover too little of the picture to be drawn: their diameter is
    /// within the rule's `cull_px`, 1 px unless the options say otherwise.
    pub too_small: u32,
    /// Triangles of the draw lists.
    pub triangles: u64,
    /// Those of instances.
    pub instance_triangles: u64,
    /// How many times as large as the rule's the thresholds of instances are, so that their triangles
    /// keep within [`Options::triangles_max`](crate::Options::triangles_max): at least 1.
    pub lod_scale: f32,
    /// Levels that this takes away: an instance shown two levels coarser counts twice.
    pub lod_coarser: u64,
    /// Instances that it hides.
    pub lod_hidden: u64,
    /// Draw calls of tiles and instances one by one.
    pub draw_calls_before: u32,
    /// Draw calls with the instances in batches.
    pub draw_calls: u32,
    /// Bytes held.
    pub usage_bytes: u64,
    /// Units being loaded.
    pub loading: u32,
    /// Wants that wait for admission.
    pub queued: u32,
}

/// Steps of an update, in this order, for whoever times them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Views predicted.
    Predict,
    /// Tiles selected.
    Terrain,
    /// Instances in the views found.
    Cull,
    /// Their levels selected.
    Lod,
    /// Draw batches made.
    Draw,
    /// Pages wanted.
    Pages,
    /// Streaming core stepped, reads issued.
    Stream,
    /// Page table and indirection texture brought up to date.
    PageTable,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Predict,
        Self::Terrain,
        Self::Cull,
        Self::Lod,
        Self::Draw,
        Self::Pages,
        Self::Stream,
        Self::PageTable,
    ];

    /// Name as reports print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Terrain => "terrain",
            Self::Cull => "cull",
            Self::Lod => "lod",
            Self::Draw => "draw",
            Self::Pages => "pages",
            Self::Stream => "stream",
            Self::PageTable => "page_table",
        }
    }
}
