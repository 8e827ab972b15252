//! Hard limits on memory, in a tree of categories: bytes are reserved before they are used.

mod category;
mod error;
mod reservation;

use crate::sync::Arc;
use category::Node;
use core::fmt;

pub use category::Category;
pub use error::{Holder, OverBudget};
pub use reservation::Reservation;

use alloc::string::String;
use alloc::vec::Vec;

/// The right to reserve bytes in one category of a tree of limits, and in all categories around it.
///
/// A reservation counts in its category and in each one around it, up to the total; it is made in
/// all of them or in none. The limits of parts may add up to more than that of the whole: then
/// whoever comes first has the room. No limit is ever exceeded, but for what was reserved before
/// [`set_limit`](Self::set_limit) lowered it.
///
/// Cloning it is cheap, and every clone may be used from any thread, without locks: a reservation
/// is one atomic addition for each category around it. Between threads only one thing is loose: a
/// request may be refused, or a [`peak`](Usage::peak) raised, by another one that was itself about
/// to be refused, further out, at that very moment.
///
/// ```
/// use farplane_alloc::{Budget, Category};
///
/// let total = Budget::new(
///     Category::new("total", 2 << 30)
///         .with(Category::new("terrain", 1 << 30))
///         .with(Category::new("textures", 1536 << 20).with(Category::new("staging", 64 << 20))),
/// );
/// let staging = total.find("textures/staging").unwrap();
/// let read = staging.reserve(4 << 20)?; // before the read is issued
/// assert_eq!(total.usage().used, 4 << 20);
/// drop(read); // when its buffer is gone
/// assert_eq!(total.usage().used, 0);
///
/// let refused = staging.reserve(65 << 20).unwrap_err();
/// assert_eq!((refused.category.as_str(), refused.available), ("staging", 64 << 20));
/// # Ok::<(), farplane_alloc::OverBudget>(())
/// ```
#[derive(Clone)]
pub struct Budget {
    nodes: Arc<Vec<Node>>,
    index: usize,
}

/// What one category holds at one moment, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The most that may be reserved.
    pub limit: u64,
    /// Reserved now, parts included.
    pub used: u64,
    /// What a request could have now: the least that this category or one around it has left.
    pub available: u64,
    /// The most that was reserved at once, since the beginning or
    /// [`reset_peak`](Budget::reset_peak).
    pub peak: u64,
    /// Requests to this category itself that were refused, since the beginning.
    pub refused: u64,
}

impl Usage {
    /// Bytes that must be released before `used` is within `limit` again; only a lowered limit
    /// makes it more than 0.
    #[must_use]
    pub const fn excess(&self) -> u64 {
        self.used.saturating_sub(self.limit)
    }
}

impl Budget {
    /// A tree of limits with nothing reserved; the result is its outermost category.
    #[must_use]
    pub fn new(total: Category) -> Self {
        Self { nodes: Arc::new(category::flatten(total)), index: 0 }
    }

    /// The category at a path of names below this one, separated by `/`; of equal names the first.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<Self> {
        path.split('/').try_fold(self.clone(), |category, name| {
            category.parts().find(|part| part.name() == name)
        })
    }

    /// The categories directly inside this one, as declared.
    pub fn parts(&self) -> impl Iterator<Item = Self> + '_ {
        self.node().parts.clone().map(|index| Self { nodes: Arc::clone(&self.nodes), index })
    }

    /// The category around this one; `None` for the total.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let index = self.node().parent?;
        Some(Self { nodes: Arc::clone(&self.nodes), index })
    }

    /// The name that it was declared with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.node().name
    }

    /// Reserves `bytes` until the reservation is dropped. Of 0 bytes it always succeeds: something
    /// to [`resize`](Reservation::resize) later.
    ///
    /// # Errors
    /// [`OverBudget`], with who holds what; nothing is reserved then.
    pub fn reserve(&self, bytes: u64) -> Result<Reservation, OverBudget> {
        self.try_reserve(bytes).ok_or_else(|| self.over_budget(bytes))
    }

    /// As [`reserve`](Self::reserve), for loops that go on to something else when refused: no error
    /// is composed, so that nothing is allocated.
    #[must_use]
    pub fn try_reserve(&self, bytes: u64) -> Option<Reservation> {
        self.charge(bytes, None).then(|| Reservation::new(self.clone(), bytes))
    }

    /// Changes the limit, at once and for everybody, and returns the excess: what has to be
    /// released before `used` is within it. What is reserved stays reserved; until the excess is
    /// gone every new request here or in a part is refused. No reservation slips in unseen: one
    /// made by another thread meanwhile is either within the new limit or in the excess.
    pub fn set_limit(&self, bytes: u64) -> u64 {
        self.node().set_limit(bytes)
    }

    /// What is reserved here at this moment.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { available: self.available(), ..self.node().usage() }
    }

    /// What has to be released here, or in a category around it, before all of them are within their
    /// limits again; only a lowered limit makes it more than 0.
    #[must_use]
    pub fn excess(&self) -> u64 {
        self.path(None).map(|node| node.usage().excess()).max().unwrap_or(0)
    }

    /// Lets the peak begin anew with what is reserved now.
    pub fn reset_peak(&self) {
        self.node().reset_peak();
    }

    /// Whether both are the same category of the same tree.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.is_kin(other) && self.index == other.index
    }

    fn node(&self) -> &Node {
        &self.nodes[self.index]
    }

    fn is_kin(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.nodes, &other.nodes)
    }

    /// This category and those around it, as far as the one that is named, which is left out.
    fn path(&self, end: Option<usize>) -> impl Iterator<Item = &Node> {
        let next = |&index: &usize| self.nodes[index].parent;
        core::iter::successors(Some(self.index), next)
            .take_while(move |&index| Some(index) != end)
            .map(|index| &self.nodes[index])
    }

    fn available(&self) -> u64 {
        self.path(None).map(|node| node.usage().available).min().unwrap_or(0)
    }

    /// Adds `bytes` to every category of the path, or to none.
    fn charge(&self, bytes: u64, end: Option<usize>) -> bool {
        // Looking first keeps a request that is refused anyway out of everybody's way.
        let fits = self.path(end).all(|node| bytes == 0 || node.usage().available >= bytes);
        let refused_by =
            if fits { self.path(end).position(|node| !node.take(bytes)) } else { Some(0) };
        let Some(taken) = refused_by else { return true };
        self.path(end).take(taken).for_each(|node| node.give(bytes));
        self.node().count_refusal();
        false
    }

    fn discharge(&self, bytes: u64, end: Option<usize>) {
        self.path(end).for_each(|node| node.give(bytes));
    }

    /// The innermost category that is around both, if they are of one tree.
    fn common(&self, other: &Self) -> Option<usize> {
        if !self.is_kin(other) {
            return None;
        }
        let (mut a, mut b) = (self.index, other.index);
        // Whatever is around a category was declared, and numbered, before it.
        while a != b {
            let deeper = if a > b { &mut a } else { &mut b };
            *deeper = self.nodes[*deeper].parent?;
        }
        Some(a)
    }

    /// Why `requested` bytes are refused now.
    pub(crate) fn over_budget(&self, requested: u64) -> OverBudget {
        self.over_budget_below(requested, None)
    }

    /// Why [`charge`](Self::charge) refused.
    fn over_budget_below(&self, requested: u64, end: Option<usize>) -> OverBudget {
        let tightest = self.path(end).min_by_key(|node| node.usage().available);
        let node = tightest.unwrap_or_else(|| self.node());
        let usage = node.usage();
        let held = |name: &String, bytes| Holder { name: name.clone(), bytes };
        let parts = &self.nodes[node.parts.clone()];
        let mut holders: Vec<_> =
            parts.iter().map(|part| held(&part.name, part.usage().used)).collect();
        let in_parts: u64 = holders.iter().map(|part| part.bytes).sum();
        holders.push(held(&node.name, usage.used.saturating_sub(in_parts)));
        holders.retain(|holder| holder.bytes > 0);
        holders.sort_by_key(|holder| core::cmp::Reverse(holder.bytes));
        OverBudget {
            requested,
            available: usage.available,
            category: node.name.clone(),
            limit: usage.limit,
            holders,
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").field("name", &self.name()).field("usage", &self.usage()).finish()
    }
}
