//! Contenders whose interface is unsafe: two that keep their lists inside the memory, so that they get
//! real memory, and two that are made for GPUs.
#![allow(unsafe_code)]

use super::contenders::Contender;
use super::trace::{ARENA_BYTES, UNIT_BYTES};
use gpu_alloc::{
    AllocationFlags, Config, DeviceMapError, DeviceProperties, GpuAllocator, MappedMemoryRange,
    MemoryBlock, MemoryDevice, MemoryHeap, MemoryPropertyFlags, MemoryType, OutOfMemory, Request,
    UsageFlags,
};
use std::alloc::Layout;
use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard, PoisonError};

const ARENA_LEN: usize = ARENA_BYTES as usize;
/// Smallest piece of memory that the system backs at once.
const PAGE: usize = 4096;

/// The memory of the allocators that work in band, for one of them at a time. Kept from one to the
/// next, so that none of them is measured while the system clears pages for it.
static MEMORY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn memory() -> MutexGuard<'static, Vec<u8>> {
    let mut memory = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.is_empty() {
        *memory = vec![0; ARENA_LEN];
        memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    }
    memory
}

fn layout(units: u32) -> Option<Layout> {
    let unit = UNIT_BYTES as usize;
    Layout::from_size_align(units as usize * unit, unit).ok()
}

/// rlsf: two-level segregated fit, in band. 32 lists for each power of two, as in its `GlobalTlsf`.
pub struct Rlsf {
    tlsf: rlsf::Tlsf<'static, u32, u32, 28, 32>,
    _memory: MutexGuard<'static, Vec<u8>>,
}

impl Contender for Rlsf {
    type Block = NonNull<u8>;

    fn new() -> Self {
        let mut memory = memory();
        let mut tlsf = rlsf::Tlsf::new();
        // SAFETY: nobody else uses the memory while this holds its lock, and it lives for ever.
        let taken = unsafe { tlsf.insert_free_block_ptr(NonNull::from(&mut memory[..])) };
        debug_assert!(taken.is_some());
        Self { tlsf, _memory: memory }
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        self.tlsf.allocate(layout(units)?)
    }

    fn free(&mut self, block: Self::Block) {
        // SAFETY: `block` came from `allocate` with this alignment, and is freed once.
        unsafe { self.tlsf.deallocate(block, UNIT_BYTES as usize) };
    }
}

/// talc: bins by size, in band.
pub struct Talc {
    talc: talc::base::Talc<talc::source::Manual, talc::DefaultBinning>,
    _memory: MutexGuard<'static, Vec<u8>>,
}

impl Contender for Talc {
    type Block = (NonNull<u8>, Layout);

    fn new() -> Self {
        let mut memory = memory();
        let mut talc = talc::base::Talc::new(talc::source::Manual);
        // SAFETY: nobody else uses the memory while this holds its lock, and it lives for ever.
        let taken = unsafe { talc.claim(memory.as_mut_ptr(), memory.len()) };
        debug_assert!(taken.is_some());
        Self { talc, _memory: memory }
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        let layout = layout(units)?;
        // SAFETY: no call of the trace asks for 0 units.
        unsafe { self.talc.allocate(layout) }.map(|block| (block, layout))
    }

    fn free(&mut self, (block, layout): Self::Block) {
        // SAFETY: `block` came from `allocate` with this layout, and is freed once.
        unsafe { self.talc.deallocate(block.as_ptr(), layout) };
    }
}

/// A GPU with a single memory object to give.
#[derive(Default)]
struct OneObject {
    is_given: Cell<bool>,
}

// SAFETY of the caller's side is met below: the one memory type there is, and no mapping.
impl MemoryDevice<()> for OneObject {
    unsafe fn allocate_memory(
        &self,
        _size: u64,
        _memory_type: u32,
        _flags: AllocationFlags,
    ) -> Result<(), OutOfMemory> {
        if self.is_given.replace(true) { Err(OutOfMemory::OutOfDeviceMemory) } else { Ok(()) }
    }

    unsafe fn deallocate_memory(&self, (): ()) {
        self.is_given.set(false);
    }

    unsafe fn map_memory(
        &self,
        (): &mut (),
        _offset: u64,
        _size: u64,
    ) -> Result<NonNull<u8>, DeviceMapError> {
        Err(DeviceMapError::MapFailed)
    }

    unsafe fn unmap_memory(&self, (): &mut ()) {}

    unsafe fn invalidate_memory_ranges(
        &self,
        _ranges: &[MappedMemoryRange<'_, ()>],
    ) -> Result<(), OutOfMemory> {
        Ok(())
    }

    unsafe fn flush_memory_ranges(
        &self,
        _ranges: &[MappedMemoryRange<'_, ()>],
    ) -> Result<(), OutOfMemory> {
        Ok(())
    }
}

/// gpu-alloc's free list, in one memory object of the arena's size.
pub struct GpuAlloc {
    allocator: GpuAllocator<()>,
    device: OneObject,
}

impl Contender for GpuAlloc {
    type Block = MemoryBlock<()>;

    fn new() -> Self {
        let config = Config {
            dedicated_threshold: u64::MAX,
            preferred_dedicated_threshold: u64::MAX,
            transient_dedicated_threshold: ARENA_BYTES,
            starting_free_list_chunk: ARENA_BYTES,
            final_free_list_chunk: ARENA_BYTES,
            minimal_buddy_size: 1,
            initial_buddy_dedicated_size: ARENA_BYTES,
        };
        let memory_type = MemoryType { props: MemoryPropertyFlags::DEVICE_LOCAL, heap: 0 };
        // It makes no object larger than 1/32 of the heap.
        let heap = MemoryHeap { size: 32 * ARENA_BYTES };
        let properties = DeviceProperties {
            memory_types: vec![memory_type].into(),
            memory_heaps: vec![heap].into(),
            max_memory_allocation_count: 1,
            max_memory_allocation_size: u64::MAX,
            non_coherent_atom_size: UNIT_BYTES,
            buffer_device_address: false,
        };
        Self { allocator: GpuAllocator::new(config, properties), device: OneObject::default() }
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        let request = Request {
            size: u64::from(units) * UNIT_BYTES,
            align_mask: UNIT_BYTES - 1,
            // What is short-lived goes to the free list.
            usage: UsageFlags::TRANSIENT | UsageFlags::FAST_DEVICE_ACCESS,
            memory_types: 1,
        };
        // SAFETY: `memory_types` names the one type of `device`, which is always the same.
        unsafe { self.allocator.alloc(&self.device, request) }.ok()
    }

    fn free(&mut self, block: Self::Block) {
        // SAFETY: `block` came from `allocate` with this device.
        unsafe { self.allocator.dealloc(&self.device, block) };
    }
}

impl Drop for GpuAlloc {
    fn drop(&mut self) {
        // SAFETY: the device is the one of all calls.
        unsafe { self.allocator.cleanup(&self.device) };
    }
}

/// VulkanMemoryAllocator's virtual block, told to save memory.
#[cfg(feature = "vma")]
pub struct VirtualBlock(vk_mem::VirtualBlock);

#[cfg(feature = "vma")]
impl Contender for VirtualBlock {
    type Block = vk_mem::VirtualAllocation;

    fn new() -> Self {
        let info = vk_mem::VirtualBlockCreateInfo { size: ARENA_BYTES, ..Default::default() };
        match vk_mem::VirtualBlock::new(info) {
            Ok(block) => Self(block),
            Err(why) => panic!("no virtual block: {why}"),
        }
    }

    fn allocate(&mut self, units: u32) -> Option<Self::Block> {
        let info = vk_mem::VirtualAllocationCreateInfo {
            size: u64::from(units) * UNIT_BYTES,
            alignment: UNIT_BYTES,
            user_data: 0,
            flags: vk_mem::VirtualAllocationCreateFlags::VMA_VIRTUAL_ALLOCATION_CREATE_STRATEGY_MIN_MEMORY_BIT,
        };
        // SAFETY: the size is not 0 and the alignment a power of two.
        unsafe { self.0.allocate(info) }.ok().map(|(allocation, _offset)| allocation)
    }

    fn free(&mut self, mut block: Self::Block) {
        // SAFETY: `block` came from `allocate`, and is freed once.
        unsafe { self.0.free(&mut block) };
    }
}
