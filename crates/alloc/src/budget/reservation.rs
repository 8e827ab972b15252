use super::{Budget, OverBudget};
use core::fmt;

/// Bytes of a [`Budget`] that are spoken for until this is dropped, on whatever thread.
///
/// Forgetting it (`mem::forget`) leaves its bytes reserved for ever.
#[must_use = "dropped, it reserves nothing"]
pub struct Reservation {
    budget: Budget,
    bytes: u64,
}

impl Reservation {
    pub(super) fn new(budget: Budget, bytes: u64) -> Self {
        Self { budget, bytes }
    }

    /// How many bytes.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The category that they are reserved in.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Reserves more, or releases what is beyond `bytes`.
    ///
    /// # Errors
    /// [`OverBudget`] if there is no room for the difference; the reservation stays as it was.
    /// Becoming smaller never fails.
    pub fn resize(&mut self, bytes: u64) -> Result<(), OverBudget> {
        if bytes > self.bytes {
            let more = bytes - self.bytes;
            if !self.budget.charge(more, None) {
                return Err(self.budget.over_budget(more));
            }
        } else {
            self.budget.discharge(self.bytes - bytes, None);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Cuts `bytes` off into a reservation of their own; `None` if there are not that many.
    #[must_use = "dropped, it reserves nothing"]
    pub fn split(&mut self, bytes: u64) -> Option<Self> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(Self::new(self.budget.clone(), bytes))
    }

    /// Takes over the bytes of another reservation in the same category.
    ///
    /// # Errors
    /// The other one, unchanged, if it is of another category.
    pub fn merge(&mut self, mut other: Self) -> Result<(), Self> {
        if !self.budget.is_same(&other.budget) {
            return Err(other);
        }
        self.bytes += core::mem::take(&mut other.bytes);
        Ok(())
    }

    /// Carries the bytes over to another category, as when a read buffer becomes resident.
    /// Categories around both keep them throughout, so that a full total does not hinder it.
    ///
    /// # Errors
    /// [`OverBudget`] if there is no room in the other category; the reservation stays where it
    /// was.
    pub fn move_to(&mut self, other: &Budget) -> Result<(), OverBudget> {
        let common = self.budget.common(other);
        if !other.charge(self.bytes, common) {
            return Err(other.over_budget_below(self.bytes, common));
        }
        self.budget.discharge(self.bytes, common);
        self.budget = other.clone();
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.discharge(self.bytes, None);
    }
}

impl fmt::Debug for Reservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reservation({} bytes of {})", self.bytes, self.budget.name())
    }
}
