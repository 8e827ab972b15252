use std::io::{self, Write};

use crate::report::{CsvRow, CsvWriter};

fn row() -> CsvRow {
    CsvRow {
        frame: 3,
        t_s: 0.05,
        work_ms: 1.25,
        update_ms: 0.5,
        interval_ms: Some(16.666_667),
        needs: 10,
        hits: 9,
        first_needs: 2,
        first_hits: 1,
        holes: 0,
        loaded_bytes: 4096,
        evicted_units: 5,
        usage_bytes: 1 << 40,
        arena_used_bytes: 77,
        fragmentation: 0.125,
        moved_bytes: 88,
        in_flight: 6,
        reads: 7,
        read_bytes: 99,
    }
}

#[test]
fn a_header_and_a_row_with_every_column_in_its_place() {
    let mut csv = CsvWriter::new(Vec::new(), &["cull", "page table"]).unwrap();
    csv.row(&row(), &[1_000_001, 25]).unwrap();
    let text = String::from_utf8(csv.finish().unwrap()).unwrap();
    assert_eq!(
        text,
        "frame,t_s,work_ms,update_ms,interval_ms,needs,hits,first_needs,first_hits,holes,\
         loaded_bytes,evicted_units,usage_bytes,arena_used_bytes,fragmentation,moved_bytes,\
         in_flight,reads,read_bytes,stage_cull_ms,stage_page_table_ms\n\
         3,0.050000,1.250000,0.500000,16.666667,10,9,2,1,0,4096,5,1099511627776,77,0.125000,88,6,\
         7,99,1.000001,0.000025\n"
    );
}

#[test]
fn what_is_absent_or_not_finite_is_an_empty_field_and_rows_keep_their_columns() {
    let mut csv = CsvWriter::new(Vec::new(), &["cull"]).unwrap();
    let absent = CsvRow { interval_ms: None, fragmentation: f64::NAN, ..row() };
    csv.row(&absent, &[]).unwrap();
    let text = String::from_utf8(csv.finish().unwrap()).unwrap();
    let fields: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(fields[0].len(), fields[1].len());
    for column in ["interval_ms", "fragmentation", "stage_cull_ms"] {
        let place = fields[0].iter().position(|name| *name == column).unwrap();
        assert_eq!(fields[1][place], "", "{column}");
    }
}

/// A disk with room for so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = bytes.len().min(self.0);
        self.0 -= written;
        if written == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(written) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_fills() {
    let mut whole = CsvWriter::new(Vec::new(), &["cull"]).unwrap();
    whole.row(&row(), &[1]).unwrap();
    let size = whole.finish().unwrap().len();
    for room in 0..size {
        let written = CsvWriter::new(Full(room), &["cull"])
            .and_then(|mut csv| csv.row(&row(), &[1]).and_then(|()| csv.finish()));
        assert_eq!(written.err().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
