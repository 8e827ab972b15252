//! A thread that consumes pictures at its own pace, behind a frame FIFO.

use crate::replay::machine;
use crate::report::Fifo;
use anyhow::{Context, Result, anyhow};
use farplane::composite::{FifoPolicy, FrameFifo, Pushed};
use std::sync::Arc;
use std::thread::JoinHandle;

/// A FIFO and the thread at its end.
pub struct Sink<T> {
    fifo: Arc<FrameFifo<T>>,
    policy: FifoPolicy,
    thread: Option<JoinHandle<Result<()>>>,
}

impl<T: Send + 'static> Sink<T> {
    /// Starts the thread. On the real clock it gives way to the frame loop.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn start(
        name: &str,
        capacity: usize,
        policy: FifoPolicy,
        gives_way: bool,
        mut consume: impl FnMut(T) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let fifo = Arc::new(FrameFifo::new(capacity, policy));
        let source = Closing(Arc::clone(&fifo));
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if gives_way {
                machine::yield_to_main();
            }
            while let Some(frame) = source.0.pop() {
                consume(frame)?;
            }
            Ok(())
        });
        let thread = thread.with_context(|| format!("cannot start the thread {name}"))?;
        Ok(Self { fifo, policy, thread: Some(thread) })
    }

    /// Hands a frame in. A full FIFO does what its policy says, and counts it.
    ///
    /// # Errors
    /// Why the thread stopped, if it did.
    pub fn push(&mut self, frame: T) -> Result<()> {
        match self.fifo.push(frame) {
            Pushed::Refused(_) if self.fifo.is_closed() => self.join(),
            _ => Ok(()),
        }
    }

    /// Waits until all that was handed in is consumed.
    ///
    /// # Errors
    /// Why the thread stopped before that.
    pub fn finish(mut self) -> Result<Fifo> {
        self.join()?;
        let policy = match self.policy {
            FifoPolicy::DropOldest => "drop-oldest",
            FifoPolicy::DropNewest => "drop-newest",
            FifoPolicy::Block => "block",
        };
        Ok(Fifo {
            policy: policy.to_owned(),
            capacity: Some(self.fifo.capacity() as u64),
            frames: Some(self.fifo.pushed()),
            depth_max: Some(self.fifo.depth_max() as u64),
            dropped: Some(self.fifo.dropped()),
            drop_rate: Some(self.fifo.drop_rate()),
        })
    }
}

impl<T> Sink<T> {
    fn join(&mut self) -> Result<()> {
        self.fifo.close();
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().unwrap_or_else(|_| Err(anyhow!("a thread that consumes pictures panicked")))
    }
}

impl<T> Drop for Sink<T> {
    /// A run that ends early still waits: what was handed in is whole, and a terminal as it was.
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// However the thread ends, nobody waits for it to make room.
struct Closing<T>(Arc<FrameFifo<T>>);

impl<T> Drop for Closing<T> {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn everything_is_consumed_in_order_and_counted() {
        let (seen, all) = mpsc::channel();
        let mut sink = Sink::start("test", 2, FifoPolicy::Block, false, move |n: u32| {
            seen.send(n).map_err(Into::into)
        })
        .unwrap();
        for n in 0..100 {
            sink.push(n).unwrap();
        }
        let fifo = sink.finish().unwrap();
        assert_eq!(all.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        assert_eq!((fifo.frames, fifo.dropped, fifo.drop_rate), (Some(100), Some(0), Some(0.0)));
        assert!((1..=2).contains(&fifo.depth_max.unwrap()) && fifo.capacity == Some(2));
    }

    #[test]
    fn whoever_produces_learns_why_the_thread_stopped_and_never_hangs() {
        let mut sink = Sink::start("test", 1, FifoPolicy::Block, false, |n: u32| {
            if n == 3 { Err(anyhow!("no room for {n}")) } else { Ok(()) }
        })
        .unwrap();
        let error = (0..1000).find_map(|n| sink.push(n).err()).unwrap();
        assert_eq!(error.to_string(), "no room for 3");
        let panicked = Sink::start("test", 1, FifoPolicy::Block, false, |n: u32| {
            assert!(n < 2, "a picture too many");
            Ok(())
        });
        let mut sink = panicked.unwrap();
        assert!((0..1000).find_map(|n| sink.push(n).err()).is_some());
    }

    #[test]
    fn a_slow_thread_delays_nobody_who_may_drop() {
        let (go, wait) = mpsc::channel::<()>();
        let (seen, all) = mpsc::channel();
        let mut sink = Sink::start("test", 2, FifoPolicy::DropOldest, false, move |n: u32| {
            seen.send(n)?;
            let _ = wait.recv();
            Ok(())
        })
        .unwrap();
        sink.push(0).unwrap();
        assert_eq!(all.recv(), Ok(0));
        // The thread holds frame 0; of 1 to 5, the two newest stay.
        for n in 1..=5 {
            sink.push(n).unwrap();
        }
        drop(go);
        let fifo = sink.finish().unwrap();
        assert_eq!(all.iter().collect::<Vec<_>>(), [4, 5]);
        assert_eq!((fifo.frames, fifo.dropped, fifo.depth_max), (Some(6), Some(3), Some(2)));
        assert_eq!(fifo.drop_rate, Some(0.5));
    }
}
