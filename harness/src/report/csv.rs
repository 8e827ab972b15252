use std::io::{self, Write};

/// What one frame says, a row of the CSV.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CsvRow {
    /// Number of the frame; warm-up included.
    pub frame: u64,
    /// Path time, s.
    pub t_s: f64,
    /// Frame time: the main thread's work, ms.
    pub work_ms: f64,
    /// The streaming update's part of it, ms.
    pub update_ms: f64,
    /// From the previous frame's start to this one's, ms; an empty field in the first frame.
    pub interval_ms: Option<f64>,
    /// Units that the frame needed.
    pub needs: u64,
    /// Those resident at its start.
    pub hits: u64,
    /// Needs that began in this frame.
    pub first_needs: u64,
    /// Those resident at its start.
    pub first_hits: u64,
    /// Needs without any resident ancestor.
    pub holes: u64,
    /// Bytes that became resident in the frame.
    pub loaded_bytes: u64,
    /// Units evicted in the frame.
    pub evicted_units: u64,
    /// Bytes held at its end, everything that the budget covers.
    pub usage_bytes: u64,
    /// Bytes allocated in the arena at its end.
    pub arena_used_bytes: u64,
    /// External fragmentation of the arena at its end, 0 to 1.
    pub fragmentation: f64,
    /// Bytes moved by defragmentation in the frame.
    pub moved_bytes: u64,
    /// Reads in flight at its end.
    pub in_flight: u64,
    /// Reads issued in the frame.
    pub reads: u64,
    /// Bytes of them.
    pub read_bytes: u64,
}

/// The columns before those of the stages, named as the fields of [`CsvRow`].
const COLUMNS: &str = "frame,t_s,work_ms,update_ms,interval_ms,needs,hits,first_needs,first_hits,\
                       holes,loaded_bytes,evicted_units,usage_bytes,arena_used_bytes,\
                       fragmentation,moved_bytes,in_flight,reads,read_bytes";

/// Writes a header and a row a frame: commas, a point in numbers, `\n` at the end of each line,
/// times in ms to the nanosecond and path time to the microsecond. A stage's own time in ms is the column `stage_NAME_ms`.
///
/// Give it a buffered writer; nothing is allocated for a row.
#[derive(Debug)]
pub struct CsvWriter<W> {
    out: W,
    stages: usize,
}

impl<W: Write> CsvWriter<W> {
    /// Writes the header. In stage names, what is neither a letter nor a digit becomes `_`.
    ///
    /// # Errors
    /// What the writer returned: a full disk, most often.
    pub fn new(mut out: W, stage_names: &[&str]) -> io::Result<Self> {
        out.write_all(COLUMNS.as_bytes())?;
        for name in stage_names {
            let clean = |c: char| if c.is_alphanumeric() { c } else { '_' };
            let name: String = name.chars().map(clean).collect();
            write!(out, ",stage_{name}_ms")?;
        }
        out.write_all(b"\n")?;
        Ok(Self { out, stages: stage_names.len() })
    }

    /// Writes a row; `stages_ns` are the stages' own times in the order of the header's names, and
    /// a missing one is an empty field.
    ///
    /// # Errors
    /// What the writer returned: a full disk, most often.
    pub fn row(&mut self, row: &CsvRow, stages_ns: &[u64]) -> io::Result<()> {
        let out = &mut self.out;
        write!(out, "{},", row.frame)?;
        number(out, Some(row.t_s))?;
        number(out, Some(row.work_ms))?;
        number(out, Some(row.update_ms))?;
        number(out, row.interval_ms)?;
        let counts = [
            row.needs,
            row.hits,
            row.first_needs,
            row.first_hits,
            row.holes,
            row.loaded_bytes,
            row.evicted_units,
            row.usage_bytes,
            row.arena_used_bytes,
        ];
        for count in counts {
            write!(out, "{count},")?;
        }
        number(out, Some(row.fragmentation))?;
        let (moved, reads) = (row.moved_bytes, row.reads);
        write!(out, "{moved},{},{reads},{}", row.in_flight, row.read_bytes)?;
        for stage in 0..self.stages {
            match stages_ns.get(stage) {
                Some(ns) => write!(out, ",{}.{:06}", ns / 1_000_000, ns % 1_000_000)?,
                None => out.write_all(b",")?,
            }
        }
        out.write_all(b"\n")
    }

    /// Flushes and returns the writer.
    ///
    /// # Errors
    /// What the writer returned: a full disk, most often.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// A number with six decimals and a comma; what is absent or not finite is an empty field.
fn number(out: &mut impl Write, value: Option<f64>) -> io::Result<()> {
    match value.filter(|value| value.is_finite()) {
        Some(value) => write!(out, "{value:.6},"),
        None => out.write_all(b","),
    }
}
