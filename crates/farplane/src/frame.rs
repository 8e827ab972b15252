use crate::props::DrawInstance;
use farplane_lod::QuadNode;
use farplane_stream::Changes;
use farplane_vt::{DirtyRect, PageId};

/// What a frame is made of: plain lists, refilled by every update and owned by the caller.
#[derive(Clone, Debug, Default)]
pub struct Frame {
    /// Resident tiles that cover all that is wanted of the ground, exactly once per view.
    pub tiles: Vec<QuadNode>,
    /// Instances with a resident level of their mesh.
    pub instances: Vec<DrawInstance>,
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameStats {
    /// Wants given to the streaming core.
    pub wants: u32,
    /// Wanted tiles and instances without any resident stand-in: a bug if not 0.
    pub holes: u32,
    /// Triangles of the draw lists.
    pub triangles: u64,
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
    /// Instances culled and selected.
    Props,
    /// Pages wanted.
    Pages,
    /// Streaming core stepped, reads issued.
    Stream,
    /// Page table and indirection texture brought up to date.
    PageTable,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Predict, Self::Terrain, Self::Props, Self::Pages, Self::Stream, Self::PageTable];

    /// Name as reports print it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::Terrain => "terrain",
            Self::Props => "props",
            Self::Pages => "pages",
            Self::Stream => "stream",
            Self::PageTable => "page_table",
        }
    }
}
