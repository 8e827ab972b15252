//! What the virtual texture wants: pages that feedback saw, and pages whose bounds project into a
//! view.

use crate::index::WorldIndex;
use farplane_geom::{Frustum, Vec3};
use farplane_stream::{Class, Core, Want};
use farplane_vt::{FeedbackScratch, PageId, Request, analyse};

/// Pages that feedback saw in the last frames.
pub(crate) struct SeenPages {
    scratch: FeedbackScratch,
    requests: Vec<Request>,
    /// Frame in which a page was last seen, by dense page index; 0 is never.
    seen: Vec<u32>,
    /// Samples that saw it then.
    samples: Vec<u32>,
    active: Vec<u32>,
}

impl SeenPages {
    pub fn new(pages: u32) -> Self {
        Self {
            scratch: FeedbackScratch::new(),
            requests: Vec::new(),
            seen: vec![0; pages as usize],
            samples: vec![0; pages as usize],
            active: Vec::new(),
        }
    }

    /// Takes a feedback buffer: packed page ids, in any order.
    pub fn take(&mut self, index: &WorldIndex, frame: u32, samples: &[u32]) {
        analyse(samples, &mut self.scratch, &mut self.requests);
        for request in &self.requests {
            let Some(page) = index.layout.index(request.page) else { continue };
            let seen = &mut self.seen[page as usize];
            if *seen == 0 {
                self.active.push(page);
            }
            *seen = frame.max(1);
            self.samples[page as usize] = request.count;
        }
    }

    /// Wants of everything seen in the last `keep` frames.
    pub fn wants(
        &mut self,
        index: &WorldIndex,
        core: &Core,
        frame: u32,
        keep: u32,
        wants: &mut Vec<Want>,
    ) {
        let (seen, samples) = (&mut self.seen, &self.samples);
        self.active.retain(|&page| {
            let keeps = seen[page as usize].saturating_add(keep) >= frame;
            if keeps {
                let unit = index.page_base() + page;
                let mut want = Want { unit, class: Class::High, score: 0.0 };
                if !core.is_resident(unit)
                    && let Some(id) = index.layout.page(page)
                {
                    let levels = fallback_depth(index, core, id);
                    if levels >= 3 {
                        want.class = Class::Critical;
                    }
                    // A sample of a 160 × 90 lattice stands for 144 pixels of a 1080p picture.
                    let pixels = samples[page as usize] as f32 * 144.0;
                    want.score = pixels * levels as f32 / index.layout.page_bytes() as f32;
                }
                wants.push(want);
            } else {
                seen[page as usize] = 0;
            }
            keeps
        });
    }
}

/// Mips between a page and the finest resident one above it.
fn fallback_depth(index: &WorldIndex, core: &Core, page: PageId) -> u32 {
    let mut depth = 1;
    let mut above = index.layout.parent(page);
    while let Some(p) = above {
        if index.page_unit(p).is_some_and(|u| core.is_resident(u)) {
            return depth;
        }
        depth += 1;
        above = index.layout.parent(p);
    }
    depth
}

/// Where pages are looked for.
pub(crate) struct PageQuery<'a> {
    pub eye: Vec3,
    pub focal_px: f32,
    pub frustum: Option<&'a Frustum>,
    pub within_m: f32,
    pub class: Class,
}

/// Wants of the pages whose bounds may hold a point whose mip is theirs.
pub(crate) fn projected(
    index: &WorldIndex,
    core: &Core,
    query: &PageQuery<'_>,
    stack: &mut Vec<PageId>,
    wants: &mut Vec<Want>,
) {
    let layout = &index.layout;
    let top = layout.mips() - 1;
    stack.clear();
    stack.push(PageId { mip: top, x: 0, y: 0 });
    while let Some(page) = stack.pop() {
        let Some(bounds) = index.page_bounds(page) else { continue };
        if query.frustum.is_some_and(|f| !f.intersects_aabb(&bounds)) {
            continue;
        }
        let nearest = bounds.distance_squared(query.eye).sqrt();
        if nearest > query.within_m {
            continue;
        }
        let finest = index.mip_at(nearest, query.focal_px);
        if finest < page.mip {
            stack.extend(layout.children(page));
        }
        let far = (bounds.min - query.eye).abs().max((bounds.max - query.eye).abs());
        let farthest = (far.x * far.x + far.y * far.y + far.z * far.z).sqrt();
        if finest <= page.mip
            && index.mip_at(farthest, query.focal_px) >= page.mip
            && let Some(unit) = index.page_unit(page)
        {
            let mut score = 0.0;
            if !core.is_resident(unit) {
                // Nearer is sooner; about a page's worth of pixels for each missing mip.
                let depth = fallback_depth(index, core, page) as f32;
                score = depth / (1.0 + nearest / 100.0);
            }
            wants.push(Want { unit, class: query.class, score });
        }
    }
}
