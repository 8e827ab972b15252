use alloc::vec::Vec;

/// No element: the end of a list, a missing child.
pub const NONE: u32 = u32::MAX;

/// Elements at stable indices; a released index is the next to be used again.
#[derive(Clone, Debug)]
pub struct Pool<T> {
    elements: Vec<T>,
    free: Vec<u32>,
}

impl<T> Pool<T> {
    pub const fn new() -> Self {
        Self { elements: Vec::new(), free: Vec::new() }
    }

    pub fn acquire(&mut self, element: T) -> u32 {
        if let Some(index) = self.free.pop() {
            self.elements[index as usize] = element;
            return index;
        }
        self.elements.push(element);
        (self.elements.len() - 1) as u32
    }

    pub fn release(&mut self, index: u32) {
        self.free.push(index);
    }

    pub fn clear(&mut self) {
        self.elements.clear();
        self.free.clear();
    }

    pub fn bytes(&self) -> usize {
        self.elements.capacity() * size_of::<T>() + self.free.capacity() * size_of::<u32>()
    }
}

impl<T> core::ops::Index<u32> for Pool<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: u32) -> &T {
        &self.elements[index as usize]
    }
}

impl<T> core::ops::IndexMut<u32> for Pool<T> {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut T {
        &mut self.elements[index as usize]
    }
}
