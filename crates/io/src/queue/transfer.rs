//! One read as it proceeds: short ones are continued, interrupted ones repeated.

use std::io;
use std::ops::ControlFlow;

use super::error::ReadErrorKind;

/// Interruptions in a row after which a read fails: no signal comes that often.
const INTERRUPTIONS_MAX: u32 = 64;

/// A read of which some bytes may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    /// Bytes that have arrived.
    pub arrived: usize,
    needed: usize,
    interruptions: u32,
}

impl Transfer {
    pub fn new(needed: usize) -> Self {
        Self { arrived: 0, needed, interruptions: 0 }
    }

    /// Takes the answer to a read of what is missing. `Continue`: read on from `arrived`.
    pub fn answer(&mut self, got: io::Result<usize>) -> ControlFlow<Result<(), ReadErrorKind>> {
        match got {
            Ok(0) => ControlFlow::Break(Err(ReadErrorKind::Truncated)),
            Ok(bytes) => {
                self.interruptions = 0;
                self.arrived += bytes;
                match self.arrived >= self.needed {
                    true => ControlFlow::Break(Ok(())),
                    false => ControlFlow::Continue(()),
                }
            }
            Err(error) => {
                let kind = error.kind();
                let passes = matches!(kind, io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock);
                if passes && self.interruptions < INTERRUPTIONS_MAX {
                    self.interruptions += 1;
                    return ControlFlow::Continue(());
                }
                let os_error = error.raw_os_error();
                ControlFlow::Break(Err(ReadErrorKind::Io { kind, os_error }))
            }
        }
    }

    /// Reads with `read_at`, which is given how many bytes have arrived.
    pub fn run(
        mut self,
        mut read_at: impl FnMut(usize) -> io::Result<usize>,
    ) -> Result<(), ReadErrorKind> {
        loop {
            if let ControlFlow::Break(result) = self.answer(read_at(self.arrived)) {
                return result;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 100 bytes that answers as it is told.
    fn run(
        needed: usize,
        answers: &[io::Result<usize>],
    ) -> (Result<(), ReadErrorKind>, Vec<usize>) {
        let (mut asked, mut answers) = (Vec::new(), answers.iter());
        let result = Transfer::new(needed).run(|arrived| {
            asked.push(arrived);
            match answers.next().expect("no more than it was told") {
                Ok(bytes) => Ok(*bytes),
                Err(error) => Err(error
                    .raw_os_error()
                    .map_or_else(|| io::Error::from(error.kind()), io::Error::from_raw_os_error)),
            }
        });
        (result, asked)
    }

    #[test]
    fn short_reads_are_continued_where_they_ended() {
        assert_eq!(run(100, &[Ok(40), Ok(1), Ok(59)]), (Ok(()), vec![0, 40, 41]));
    }

    #[test]
    fn more_than_needed_is_fine() {
        assert_eq!(run(100, &[Ok(40), Ok(4096)]), (Ok(()), vec![0, 40]));
    }

    #[test]
    fn an_interrupted_read_is_repeated() {
        let again = || Err(io::Error::from(io::ErrorKind::Interrupted));
        assert_eq!(run(8, &[again(), Ok(4), again(), Ok(4)]), (Ok(()), vec![0, 0, 4, 4]));
    }

    #[test]
    fn one_that_is_always_interrupted_fails() {
        let mut count = 0;
        let result = Transfer::new(8).run(|_| {
            count += 1;
            Err(io::Error::from(io::ErrorKind::Interrupted))
        });
        let (kind, os_error) = (io::ErrorKind::Interrupted, None);
        assert_eq!(result, Err(ReadErrorKind::Io { kind, os_error }));
        assert_eq!(count, 65);
    }

    #[test]
    fn the_end_of_the_file_is_an_error() {
        assert_eq!(run(100, &[Ok(40), Ok(0)]), (Err(ReadErrorKind::Truncated), vec![0, 40]));
    }

    #[cfg(unix)]
    #[test]
    fn an_error_keeps_the_number_of_the_system() {
        // 5 is EIO on every Unix.
        let (result, _) = run(8, &[Ok(4), Err(io::Error::from_raw_os_error(5))]);
        assert!(matches!(result, Err(ReadErrorKind::Io { os_error: Some(5), .. })), "{result:?}");
    }
}
