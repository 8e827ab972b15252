//! The command line: what can be typed, and what it means.

use crate::status::{Failure, one_line};
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Bakes worlds and replays recorded camera paths through farplane, headless.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

impl Cli {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// What makes no sense, in one line.
    pub fn read() -> Result<Self, Failure> {
        Self::try_parse().or_else(|e| match e.kind() {
            // Help and version go where clap sends them, as long as they are.
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => e.exit(),
            _ => Err(Failure::Usage(usage(&e.render().to_string()))),
        })
    }
}

/// What clap says, without the synopsis.
fn usage(rendered: &str) -> String {
    let end = rendered.find("\nUsage:").or_else(|| rendered.find("\nFor more information"));
    let text = one_line(&rendered[..end.unwrap_or(rendered.len())]);
    format!("{} (see --help)", text.strip_prefix("error: ").unwrap_or(&text))
}

const EXAMPLES: &str = "\
Examples:
  harness replay                                  the built-in world and path
  harness record --preset orbit -o orbit.cam      a path over the built-in world
  harness replay orbit.cam --clock virtual --device hdd
  harness bake -o andes.far --height andes.tif --color earth.jpg
  harness import --from igc flight.igc -o flight.cam --fit andes.far
  harness replay flight.cam --world andes.far --assert 'hit_rate >= 0.95'";

/// A verb of the command line.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Build a world from a seed, or from elevation data and imagery
    Bake(BakeArgs),
    /// Turn a recorded trajectory into a camera path (.cam)
    Import(ImportArgs),
    /// Make a camera path from a preset
    Record(RecordArgs),
    /// Fly a camera path through a world and report FPS, hit rate and fragmentation
    Replay(Box<ReplayArgs>),
    /// Describe a world or a camera path
    Inspect(InspectArgs),
    /// Check every byte of a world
    Verify(VerifyArgs),
    /// Measure how this machine reads, beside fio and plain reads
    BenchIo(BenchIoArgs),
    /// Patch, compact, compare and unpack archives
    Archive(ArchiveArgs),
}

/// What is kept of worlds on servers.
#[derive(Args, Clone, Debug, Default)]
pub struct CacheArgs {
    /// Keep what a server sends in this folder, for the next time
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Bytes that this folder may take
    #[arg(long, default_value = "4GiB", value_name = "N", value_parser = parse_bytes)]
    pub cache_limit: u64,
}

/// `harness bake`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness bake -o world.far                                the built-in world: 4,096 m from seed 1
  harness bake -o small.far --seed 7 --size-m 512
  harness bake -o andes.far --height andes.tif --color earth.jpg
  harness bake -o two.far --height west.tif --height east.tif
  harness bake -o lidar.far --height dem.png --size-m 2000 --color ortho.jpg --texels-per-metre 4")]
pub struct BakeArgs {
    /// The archive to write
    #[arg(short, long, value_name = "W.far")]
    pub output: PathBuf,
    /// Seed of everything that is made up
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Side of a world from a seed, or width of a PNG that says nothing of its size, m
    #[arg(long, allow_negative_numbers = true, value_name = "M")]
    pub size_m: Option<f64>,
    /// Elevation: GeoTIFF (int16 or float32) or 16-bit PNG; several that touch are joined
    #[arg(long, value_name = "F.tif|F.png")]
    pub height: Vec<PathBuf>,
    /// Imagery draped over the ground
    #[arg(long, value_name = "F.jpg|F.png")]
    pub color: Option<PathBuf>,
    /// What the imagery covers: degrees, or metres for a projected world. Default: a 2:1 image
    /// covers the globe, any other the world
    #[arg(long, value_name = "W,S,E,N", value_parser = parse_extent)]
    #[arg(allow_hyphen_values = true, requires = "color")]
    pub color_extent: Option<Extent>,
    /// Resolution of the virtual texture. Default: the longer side has 16,384 texels
    #[arg(long, allow_negative_numbers = true, value_name = "T")]
    pub texels_per_metre: Option<f64>,
    /// Rocks and trees to scatter. Default: 50,000
    #[arg(long, value_name = "N")]
    pub props: Option<u32>,
    /// What to compress for: fast is LZ4, for local disks; small is Zstandard, for networks
    #[arg(long, value_enum, default_value = "fast")]
    pub profile: BakeProfile,
    /// Threads; 0 is one a core. The bytes are the same for any number
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub threads: usize,
}

/// What an archive is compressed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BakeProfile {
    /// Local disks: LZ4
    Fast,
    /// Networks: Zstandard; needs a build with the feature zstd
    Small,
}

/// `harness import`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness import --from tum freiburg.txt -o freiburg.cam --fit andes.far
  harness import --from kitti 00.txt --times times.txt -o kitti00.cam
  harness import --from gpx hike.gpx -o hike.cam --fit andes.far --speed-mps 30
  harness import --from igc flight.igc -o flight.cam --keep")]
pub struct ImportArgs {
    /// Format of the file
    #[arg(long, value_name = "tum|kitti|euroc|gpx|igc")]
    pub from: PathFormat,
    /// The file to read
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The path to write
    #[arg(short, long, value_name = "P.cam")]
    pub output: PathBuf,
    /// Put the path over this world: its centre over the world's, scaled to a mean speed, lifted
    /// above the ground
    #[arg(long, value_name = "W.far|URL")]
    pub fit: Option<PathBuf>,
    /// Lay a geographic path over this georeferenced world where it belongs (elevation draped over
    /// its ground where the track has none)
    #[arg(long, value_name = "W.far|URL", conflicts_with = "fit")]
    pub world: Option<PathBuf>,
    /// Mean speed after --fit, and speed of a GPX track without times, m/s. Default: 100
    #[arg(long, value_name = "V", allow_negative_numbers = true)]
    pub speed_mps: Option<f64>,
    /// Smallest height above the ground after --fit, and height above it of a track without
    /// elevations, m. Default: 10
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    pub clearance_m: Option<f64>,
    /// Poses a second of a KITTI file without times. Default: 10
    #[arg(long, value_name = "F", conflicts_with = "times", allow_negative_numbers = true)]
    pub hz: Option<f64>,
    /// Times of a KITTI file, one a line, s
    #[arg(long, value_name = "FILE")]
    pub times: Option<PathBuf>,
    /// Sixteen numbers, a 4 × 4 matrix from camera to body, for EuRoC. Default: identity
    #[arg(long, value_name = "FILE")]
    pub extrinsic: Option<PathBuf>,
    /// Mend what looks wrong: skip unreadable lines, sort times, cut at gaps and jumps (default)
    #[arg(long, conflicts_with = "keep")]
    pub repair: bool,
    /// Keep what looks wrong, or fail where a .cam cannot hold it
    #[arg(long)]
    pub keep: bool,
    /// What is kept of a world on a server.
    #[command(flatten)]
    pub cache: CacheArgs,
}

/// A format that `import` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PathFormat {
    /// TUM RGB-D
    Tum,
    /// KITTI odometry
    Kitti,
    /// EuRoC MAV
    Euroc,
    /// GPX
    Gpx,
    /// IGC
    Igc,
}

/// `harness record`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness record --preset flyover -o flyover.cam
  harness record --preset teleport -o jumps.cam --world andes.far --seconds 30 --seed 4")]
pub struct RecordArgs {
    /// What the camera does
    #[arg(long, value_name = "flyover|orbit|sprint|teleport")]
    pub preset: PathPreset,
    /// The path to write
    #[arg(short, long, value_name = "P.cam")]
    pub output: PathBuf,
    /// The world to fly over. Default: the built-in one
    #[arg(long, value_name = "W.far|URL")]
    pub world: Option<PathBuf>,
    /// What is kept of a world on a server.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Length, s
    #[arg(long, allow_negative_numbers = true, value_name = "S", default_value_t = 60.0)]
    pub seconds: f64,
    /// Another seed gives another path
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
}

/// A preset of `record`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PathPreset {
    /// 100 m/s, turning, some 100 m above the ground
    Flyover,
    /// Around the centre
    Orbit,
    /// 12 m/s, 10 m above the ground, with quick turns of the head
    Sprint,
    /// A cut to another place every 5 s
    Teleport,
}

/// `harness replay`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  harness replay                                            the built-in world and path, 60 Hz
  harness replay path.cam --world W.far --budget 64MiB
  harness replay --clock virtual --device hdd --json -      from a disk that you do not own
  harness replay --clock virtual --render cpu --frames out --every 60 --size 480x270
  harness replay --heat-map map.png --live                  what was resident where, as a map
  harness replay --to 20 --assert 'holes == 0' --assert 'update_ms.p99 <= 1'
  harness replay --world https://example.org/w.far --cache ~/.cache/farplane --cache-limit 8GiB
  harness replay --world s3://bucket/w.far                  credentials from the environment")]
pub struct ReplayArgs {
    /// The camera path. Default: a built-in flyover
    #[arg(value_name = "P.cam")]
    pub path: Option<PathBuf>,
    /// The world: a file, or http://, https://, s3://BUCKET/KEY (feature remote). Default: the
    /// built-in one, baked once into the cache folder
    #[arg(long, value_name = "W.far|URL")]
    pub world: Option<PathBuf>,
    /// What is kept of a world on a server.
    #[command(flatten)]
    pub cache: CacheArgs,
    /// Bytes that streaming may hold
    #[arg(long, default_value = "128MiB", value_parser = parse_bytes)]
    pub budget: u64,
    /// Triangles of props that may be drawn in a frame: beyond, all become coarser alike. Default: any
    #[arg(long, value_name = "N")]
    pub triangles: Option<u64>,
    /// Real threads and disk, or a model of both: reproducible to the bit
    #[arg(long, value_enum, default_value = "real")]
    pub clock: Clock,
    /// The modelled device (virtual clock only). Default: nvme
    #[arg(long, value_name = "nvme|sata-ssd|hdd|http")]
    pub device: Option<String>,
    /// How to read. On the virtual clock the model decides when; the bytes come from here
    #[arg(long, value_enum, default_value = "auto")]
    pub io: Io,
    /// Frames at their due time, or one after the other
    #[arg(long, value_enum, default_value = "realtime")]
    pub pace: Pace,
    /// Frames a second
    #[arg(long, allow_negative_numbers = true, value_name = "HZ", default_value_t = 60.0)]
    pub target_hz: f64,
    /// Seconds at the start that are reported apart
    #[arg(long, allow_negative_numbers = true, value_name = "S", default_value_t = 1.0)]
    pub warmup: f64,
    /// Where on the path to begin, s
    #[arg(long, allow_negative_numbers = true, value_name = "S", default_value_t = 0.0)]
    pub from: f64,
    /// Where to end, s. Default: the end of the path
    #[arg(long, allow_negative_numbers = true, value_name = "S")]
    pub to: Option<f64>,
    /// Threads; 0 is one a core. Changes nothing on the virtual clock
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// Decoding workers of the virtual clock's model: part of its result
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub model_workers: usize,
    /// Seed of the modelled device
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Draw pictures on the CPU (virtual clock only)
    #[arg(long, value_enum, default_value = "none")]
    pub render: Render,
    /// Folder for the pictures: what is resident at the left, all of it at the right
    #[arg(long, value_name = "DIR")]
    pub frames: Option<PathBuf>,
    /// A picture every so many frames
    #[arg(long, value_name = "N", default_value_t = 60)]
    pub every: u64,
    /// Size of each picture
    #[arg(long, value_name = "WxH", default_value = "480x270", value_parser = parse_size)]
    pub size: [u32; 2],
    /// Draw the world from above, coloured by what is resident at the end of the run
    #[arg(long, value_name = "F.png")]
    pub heat_map: Option<PathBuf>,
    /// What the colours of --heat-map and --live are
    #[arg(long, value_enum, value_name = "FIGURE", default_value = "pages")]
    pub heat_map_of: HeatMapOf,
    /// Another heat map every so many seconds of the path: F-0001.png, F-0002.png, ...
    #[arg(long, value_name = "S", allow_negative_numbers = true, requires = "heat_map")]
    pub heat_map_every: Option<f64>,
    /// Longer side of a heat map, px
    #[arg(long, value_name = "N", default_value_t = 1024, requires = "heat_map")]
    #[arg(value_parser = clap::value_parser!(u32).range(64..=4096))]
    pub heat_map_px: u32,
    /// Draw the heat map in the terminal while the replay runs; without a terminal, once at the end
    #[arg(long)]
    pub live: bool,
    /// Write the report as JSON; - is the standard output
    #[arg(long, value_name = "F|-")]
    pub json: Option<PathBuf>,
    /// Write a row a frame as CSV
    #[arg(long, value_name = "F")]
    pub csv: Option<PathBuf>,
    /// Fail with exit status 10 unless this holds, as 'GROUP.KEY OP NUMBER'
    #[arg(long = "assert", value_name = "EXPR")]
    pub asserts: Vec<String>,
}

/// Which figure the colours of a heat map are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HeatMapOf {
    /// The finest texture page that is resident
    Pages,
    /// The finest terrain tile that is resident
    Tiles,
    /// How often pages and tiles were loaded
    Loads,
    /// In how many frames pages and tiles were wanted and not there
    Misses,
}

/// Which clock a replay goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Clock {
    /// Threads and disk of this machine
    Real,
    /// A seeded model
    Virtual,
}

/// How a replay reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Io {
    /// The best that the machine offers
    Auto,
    /// Memory map
    Mmap,
    /// Positioned reads on a pool of threads
    Pread,
    /// io_uring past the page cache (Linux)
    Uring,
    /// The model's own bytes (virtual clock only)
    Sim,
}

/// When frames start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pace {
    /// At their due time
    Realtime,
    /// At once
    Max,
}

/// What draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Render {
    /// Nothing
    None,
    /// The ray caster
    Cpu,
}

/// `harness inspect`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness inspect world.far
  harness inspect path.cam
  harness inspect https://example.org/world.far")]
pub struct InspectArgs {
    /// A world or a camera path
    #[arg(value_name = "W.far|URL|P.cam")]
    pub file: PathBuf,
    /// What is kept of a world on a server.
    #[command(flatten)]
    pub cache: CacheArgs,
}

/// `harness verify`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness verify world.far
  harness verify https://example.org/world.far")]
pub struct VerifyArgs {
    /// The world; all of it is fetched if it is on a server
    #[arg(value_name = "W.far|URL")]
    pub file: PathBuf,
    /// What is kept of a world on a server.
    #[command(flatten)]
    pub cache: CacheArgs,
}

/// `harness bench-io`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness bench-io world.far
  harness bench-io --bytes 2GiB --seconds 5")]
pub struct BenchIoArgs {
    /// The archive to read. Default: one of noise, made in the current folder and removed again
    #[arg(value_name = "W.far")]
    pub file: Option<PathBuf>,
    /// Size of the archive that is made. Default: 1GiB
    #[arg(long, value_name = "N", value_parser = parse_bytes)]
    pub bytes: Option<u64>,
    /// Length of each measurement, s
    #[arg(long, value_name = "S", default_value_t = 2.0)]
    pub seconds: f64,
}

/// `harness archive`.
#[derive(Args, Debug)]
pub struct ArchiveArgs {
    /// What to do.
    #[command(subcommand)]
    pub verb: ArchiveVerb,
}

/// A verb of `harness archive`.
#[derive(Debug, Subcommand)]
pub enum ArchiveVerb {
    /// Append a generation: what another archive holds, or single entries and sections
    Append(AppendArgs),
    /// Write an archive anew, without what only older generations used
    Compact(CompactArgs),
    /// List what makes one archive another: what a patch changes
    Diff(DiffArgs),
    /// Write an entry or a section, decoded, to a file
    Extract(ExtractArgs),
    /// Write an archive of made-up tiles, to test with
    Synth(SynthArgs),
}

/// `harness archive append`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  harness archive append world.far --from newer.far      hold what newer.far holds
  harness archive append world.far --entry 7=rock.bin --section notes=notes.txt --remove 9")]
pub struct AppendArgs {
    /// The archive to append to
    #[arg(value_name = "W.far")]
    pub archive: PathBuf,
    /// An archive to become equal to: what differs is copied
    #[arg(long, value_name = "NEW.far", conflicts_with_all = ["entry", "section", "remove", "name"])]
    pub from: Option<PathBuf>,
    /// Add or replace an entry by what is in a file
    #[arg(long, value_name = "ID=FILE", value_parser = parse_entry)]
    pub entry: Vec<(u32, PathBuf)>,
    /// Add or replace a section by what is in a file
    #[arg(long, value_name = "NAME=FILE", value_parser = parse_section_file)]
    pub section: Vec<([u8; 8], PathBuf)>,
    /// Take an entry away
    #[arg(long, value_name = "ID")]
    pub remove: Vec<u32>,
    /// Name an entry
    #[arg(long, value_name = "ID=NAME", value_parser = parse_name)]
    pub name: Vec<(u32, String)>,
    /// What to compress for
    #[arg(long, value_enum, default_value = "fast")]
    pub profile: BakeProfile,
}

/// `harness archive compact`.
#[derive(Args, Debug)]
pub struct CompactArgs {
    /// The archive to compact
    #[arg(value_name = "W.far")]
    pub archive: PathBuf,
    /// Where to write it. Default: in place of the archive
    #[arg(short, long, value_name = "OUT.far")]
    pub output: Option<PathBuf>,
}

/// `harness archive diff`.
#[derive(Args, Debug)]
pub struct DiffArgs {
    /// The old archive
    #[arg(value_name = "A.far")]
    pub old: PathBuf,
    /// The new one
    #[arg(value_name = "B.far")]
    pub new: PathBuf,
}

/// `harness archive extract`.
#[derive(Args, Debug)]
#[command(group(ArgGroup::new("what").required(true).args(["entry", "name", "section"])))]
pub struct ExtractArgs {
    /// The archive
    #[arg(value_name = "W.far")]
    pub archive: PathBuf,
    /// Number of the entry
    #[arg(long, value_name = "ID")]
    pub entry: Option<u32>,
    /// Name of the entry
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Name of the section
    #[arg(long, value_name = "NAME", value_parser = parse_section)]
    pub section: Option<[u8; 8]>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// `harness archive synth`.
#[derive(Args, Debug)]
pub struct SynthArgs {
    /// The archive to write
    #[arg(short, long, value_name = "OUT.far")]
    pub output: PathBuf,
    /// About how many bytes to store
    #[arg(long, default_value = "1GiB", value_parser = parse_bytes)]
    pub bytes: u64,
    /// Seed of what is in it
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

fn parse_entry(text: &str) -> Result<(u32, PathBuf), String> {
    let (id, file) = parse_name(text)?;
    Ok((id, file.into()))
}

fn parse_name(text: &str) -> Result<(u32, String), String> {
    let parts = text.split_once('=').and_then(|(id, rest)| Some((id.parse().ok()?, rest)));
    let (id, rest) = parts.ok_or_else(|| format!("'{text}' is not of the form 7=..."))?;
    Ok((id, rest.to_owned()))
}

fn parse_section(text: &str) -> Result<[u8; 8], String> {
    let mut name = [0; 8];
    match name.get_mut(..text.len()) {
        Some(start) if !text.is_empty() => {
            start.copy_from_slice(text.as_bytes());
            Ok(name)
        }
        _ => Err(format!("'{text}' is no section name: give 1 to 8 bytes")),
    }
}

fn parse_section_file(text: &str) -> Result<([u8; 8], PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or_else(|| format!("'{text}' has no ="))?;
    Ok((parse_section(name)?, file.into()))
}

/// `128MiB`, `2GiB`, `64MB`, `1000000`.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let expected = || format!("'{text}' is no size: write it as 128MiB, 2GiB or in bytes");
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| expected())?;
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kib" | "k" => 1024.0,
        "mib" | "m" => 1_048_576.0,
        "gib" | "g" => 1_073_741_824.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => return Err(expected()),
    };
    let bytes = number * factor;
    if bytes.is_finite() && (1.0..=1e15).contains(&bytes) {
        Ok(bytes as u64)
    } else {
        Err(expected())
    }
}

/// Degrees or metres: west, south, east, north.
pub type Extent = [f64; 4];

/// `-71,-33,-70,-32`: west before east, south before north.
fn parse_extent(text: &str) -> Result<Extent, String> {
    let expected = || format!("'{text}' is no extent: write it as W,S,E,N with W < E and S < N");
    let numbers: Result<Vec<f64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
    let extent = Extent::try_from(numbers.map_err(|_| expected())?).map_err(|_| expected())?;
    let [w, s, e, n] = extent;
    let fits = extent.iter().all(|v| v.is_finite()) && w < e && s < n;
    if fits { Ok(extent) } else { Err(expected()) }
}

/// `480x270`, both from 16 to 8192.
fn parse_size(text: &str) -> Result<[u32; 2], String> {
    let expected = || format!("'{text}' is no size: write it as 480x270, both from 16 to 8192");
    let (w, h) = text.split_once(['x', 'X']).ok_or_else(expected)?;
    let side = |s: &str| s.trim().parse::<u32>().ok().filter(|v| (16..=8192).contains(v));
    Ok([side(w).ok_or_else(expected)?, side(h).ok_or_else(expected)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn extents_are_read() {
        assert_eq!(parse_extent("-71,-33, -70,-32.5"), Ok([-71.0, -33.0, -70.0, -32.5]));
        for bad in ["", "1,2,3", "1,2,3,4,5", "1,2,x,4", "3,2,1,4", "1,4,3,2", "1,2,inf,4"] {
            assert!(parse_extent(bad).is_err(), "{bad}");
        }
        let line =
            ["harness", "bake", "-o", "w", "--color", "c.png", "--color-extent", "-71,-33,-70,-32"];
        let Verb::Bake(args) = Cli::try_parse_from(line).unwrap().verb else { panic!() };
        assert_eq!(args.color_extent, Some([-71.0, -33.0, -70.0, -32.0]));
    }

    #[test]
    fn sizes_are_read_with_their_units() {
        assert_eq!(parse_bytes("128MiB"), Ok(134_217_728));
        assert_eq!(parse_bytes("1.5 GiB"), Ok(1_610_612_736));
        assert_eq!(parse_bytes("64MB"), Ok(64_000_000));
        assert_eq!(parse_bytes("77"), Ok(77));
        for bad in ["", "MiB", "12 parsecs", "-1", "1e99", "0"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_size("480x270"), Ok([480, 270]));
        for bad in ["480", "0x10", "480x", "99999x10", "-480x270"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
