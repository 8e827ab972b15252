use crate::{LODS_MAX, LodError};

/// An instance to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrawItem {
    /// Index of the instance, which the GPU finds its place by.
    pub instance: u32,
    /// Its mesh.
    pub mesh: u32,
    /// The mesh's level: below [`LODS_MAX`].
    pub level: u8,
    /// Its material: what cannot change within a draw call, such as a pipeline or a set of textures.
    pub material: u32,
}

/// Where the indices of one level of one mesh lie in the buffers that all meshes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeshRange {
    /// How many indices; three a triangle.
    pub index_count: u32,
    /// The first of them.
    pub first_index: u32,
    /// What is added to each index.
    pub base_vertex: i32,
}

/// Arguments of one indexed, indirect draw, as Vulkan (`VkDrawIndexedIndirectCommand`), Direct3D 12
/// (`D3D12_DRAW_INDEXED_ARGUMENTS`), Metal and WebGPU lay them out: five words without padding.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrawArgs {
    /// Indices of the mesh level.
    pub index_count: u32,
    /// Instances of the batch.
    pub instance_count: u32,
    /// The first index of the mesh level.
    pub first_index: u32,
    /// What is added to each index.
    pub base_vertex: i32,
    /// Place of the batch's first instance in [`Batches::instances`].
    pub first_instance: u32,
}

const _: () = assert!(size_of::<DrawArgs>() == 20);

/// What the draw at the same place in [`Batches::args`] draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The material of all its instances.
    pub material: u32,
    /// The mesh of all its instances.
    pub mesh: u32,
    /// The level of all its instances.
    pub level: u8,
}

/// Draws that follow each other and share a material: one multi-draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MultiDraw {
    /// Their material.
    pub material: u32,
    /// The first of them in [`Batches::args`].
    pub first: u32,
    /// How many.
    pub count: u32,
}

/// What to submit. All lists are cleared and filled by [`Batcher::batch`] or
/// [`SlotBatcher::finish`](crate::SlotBatcher::finish); they need room for one element an item at
/// most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batches {
    /// The items' instances, batch by batch: the buffer that `first_instance` points into.
    pub instances: Vec<u32>,
    /// One draw a batch, by material, mesh and level.
    pub args: Vec<DrawArgs>,
    /// The same batches by name.
    pub batches: Vec<Batch>,
    /// Draws that can be submitted together.
    pub multi_draws: Vec<MultiDraw>,
}

impl Batches {
    /// All that is drawn, batch by batch.
    pub fn items(&self) -> impl Iterator<Item = DrawItem> + '_ {
        self.batches.iter().zip(&self.args).flat_map(|(batch, args)| {
            let &Batch { material, mesh, level } = batch;
            let first = args.first_instance as usize;
            let instances = &self.instances[first..first + args.instance_count as usize];
            instances.iter().map(move |&instance| DrawItem { instance, mesh, level, material })
        })
    }

    /// Empties all but the instances, which are overwritten.
    pub(crate) fn clear_draws(&mut self) {
        self.args.clear();
        self.batches.clear();
        self.multi_draws.clear();
    }

    /// Appends the draw of a batch, and counts it; its instances are the caller's to write.
    pub(crate) fn push(
        &mut self,
        batch: Batch,
        range: &MeshRange,
        instance_count: u32,
        stats: &mut BatchStats,
    ) {
        match self.multi_draws.last_mut() {
            Some(last) if last.material == batch.material => last.count += 1,
            _ => {
                let (material, first) = (batch.material, self.args.len() as u32);
                self.multi_draws.push(MultiDraw { material, first, count: 1 });
            }
        }
        let &MeshRange { index_count, first_index, base_vertex } = range;
        self.batches.push(batch);
        self.args.push(DrawArgs {
            index_count,
            instance_count,
            first_index,
            base_vertex,
            first_instance: stats.instances as u32,
        });
        stats.instances += u64::from(instance_count);
        stats.triangles += u64::from(index_count / 3) * u64::from(instance_count);
        stats.draw_calls = self.args.len() as u32;
        stats.multi_draw_calls = self.multi_draws.len() as u32;
    }
}

/// Draw calls before and after, and what they draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStats {
    /// Instances drawn; without batching each is a draw call.
    pub instances: u64,
    /// Their triangles.
    pub triangles: u64,
    /// Instanced draw calls.
    pub draw_calls: u32,
    /// Calls where draws of one material are submitted together.
    pub multi_draw_calls: u32,
}

/// Bits that one pass sorts by: its counters fit the first-level cache.
const DIGIT_BITS: u32 = 11;

/// Meshes whose number fits a key beside a level and a material of 32 bits.
const MESHES_MAX: usize = 1 << 29;

/// Sorts visible instances into draw batches; it owns nothing but working memory, so one serves any
/// number of views.
#[derive(Clone, Debug, Default)]
pub struct Batcher {
    sorted: Vec<(u64, u32)>,
    other: Vec<(u64, u32)>,
}

/// Batches of one material stand together, those of one mesh in them, from fine to coarse.
#[inline]
fn key(item: &DrawItem) -> u64 {
    u64::from(item.material) << 32 | u64::from(item.mesh) << 3 | u64::from(item.level)
}

impl Batcher {
    /// Batches of instances that share material, mesh and level, in that order; within a batch the
    /// items keep theirs. `ranges` is by mesh and level.
    ///
    /// A stable radix sort that leaves out the bits in which no two keys differ: O(items) for each 11
    /// bits that do, and two passes for 256 meshes in 2,048 materials.
    ///
    /// # Errors
    /// [`LodError::Index`] for a mesh without ranges or beyond 2²⁹ − 1, or a level that cannot be;
    /// [`LodError::TooMany`] for more than 2³² − 1 items. Nothing was done then.
    pub fn batch(
        &mut self,
        items: &[DrawItem],
        ranges: &[[MeshRange; LODS_MAX]],
        out: &mut Batches,
    ) -> Result<BatchStats, LodError> {
        if u32::try_from(items.len()).is_err() {
            let (count, count_max) = (items.len(), u32::MAX as usize);
            return Err(LodError::TooMany { what: "items to draw", count, count_max });
        }
        self.sorted.clear();
        let (mut any, mut all) = (0, u64::MAX);
        for item in items {
            if usize::from(item.level) >= LODS_MAX {
                let (index, count) = (u32::from(item.level), LODS_MAX);
                return Err(LodError::Index { what: "level of a mesh", index, count });
            }
            let meshes = ranges.len().min(MESHES_MAX);
            if item.mesh as usize >= meshes {
                let (index, count) = (item.mesh, meshes);
                return Err(LodError::Index { what: "mesh", index, count });
            }
            let key = key(item);
            (any, all) = (any | key, all & key);
            self.sorted.push((key, item.instance));
        }
        self.sort(any & !all);
        Ok(self.write(ranges, out))
    }

    /// Sorts by the bits that are set.
    fn sort(&mut self, differing: u64) {
        self.other.clear();
        self.other.resize(self.sorted.len(), (0, 0));
        let mut rest = differing;
        while rest != 0 {
            let shift = rest.trailing_zeros();
            self.pass(shift);
            rest = rest >> shift >> DIGIT_BITS << DIGIT_BITS << shift;
        }
    }

    /// Sorts by the digit from a bit on, keeping the order of equals.
    fn pass(&mut self, shift: u32) {
        const DIGITS: usize = 1 << DIGIT_BITS;
        let digit = |key: u64| (key >> shift) as usize % DIGITS;
        let mut places = [0u32; DIGITS];
        for &(key, _) in &self.sorted {
            places[digit(key)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            (*place, next) = (next, next + *place);
        }
        for &(key, instance) in &self.sorted {
            let place = &mut places[digit(key)];
            self.other[*place as usize] = (key, instance);
            *place += 1;
        }
        core::mem::swap(&mut self.sorted, &mut self.other);
    }

    fn write(&self, ranges: &[[MeshRange; LODS_MAX]], out: &mut Batches) -> BatchStats {
        out.clear_draws();
        out.instances.clear();
        out.instances.extend(self.sorted.iter().map(|&(_, instance)| instance));
        let mut stats = BatchStats::default();
        for group in self.sorted.chunk_by(|a, b| a.0 == b.0) {
            let (key, count) = (group[0].0, group.len() as u32);
            let (material, mesh, level) = ((key >> 32) as u32, key as u32 >> 3, (key % 8) as u8);
            let range = &ranges[mesh as usize][usize::from(level)];
            out.push(Batch { material, mesh, level }, range, count, &mut stats);
        }
        stats
    }
}
