//! Plots as SVG, made of points, lines and words.

use std::fmt::Write as _;

use super::grid::{CHOKERS, Plan, R4_AGAIN};
use super::results::Results;
use super::verdict::{Effect, effects};

/// The size of one panel, and of the room around it, in pixels.
const PANEL: (f64, f64) = (380.0, 280.0);
const ROOM: (f64, f64) = (70.0, 60.0);
/// Where the names of the arms stand.
const LEGEND_WIDTH: f64 = 150.0;
/// A colour for each choker, told apart also by those who see fewer colours
/// (Okabe and Ito 2008).
const COLOURS: [&str; 6] = [
    "#000000", "#e69f00", "#56b4e9", "#009e73", "#cc79a7", "#d55e00",
];

/// One panel: what it shows and the span of its axes.
struct Panel {
    title: String,
    x: (f64, f64),
    y: (f64, f64),
    left: f64,
}

struct Svg(String);

impl Svg {
    fn new(panels: usize) -> Self {
        let width = panels as f64 * (PANEL.0 + ROOM.0) + LEGEND_WIDTH;
        let height = PANEL.1 + 2.0 * ROOM.1;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"12\">\n"
        );
        text += "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n";
        Self(text)
    }

    fn word(&mut self, (x, y): (f64, f64), anchor: &str, words: &str) {
        let words = words.replace('&', "&amp;").replace('<', "&lt;");
        let _ = writeln!(
            self.0,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"
        );
    }

    fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str, width: f64) {
        let _ = writeln!(
            self.0,
            "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{colour}\" \
             stroke-width=\"{width}\"/>",
            from.0, from.1, to.0, to.1
        );
    }

    fn point(&mut self, (x, y): (f64, f64), colour: &str) {
        let _ = writeln!(
            self.0,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\" fill-opacity=\"0.8\"/>"
        );
    }

    fn frame(&mut self, panel: &Panel, x_name: &str, y_name: &str) {
        let (left, top) = (panel.left, ROOM.1);
        let _ = writeln!(
            self.0,
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{}\" height=\"{}\" fill=\"none\" \
             stroke=\"#888888\"/>",
            PANEL.0, PANEL.1
        );
        let middle = left + PANEL.0 / 2.0;
        self.word((middle, top - 12.0), "middle", &panel.title);
        self.word((middle, top + PANEL.1 + 40.0), "middle", x_name);
        let _ = writeln!(
            self.0,
            "<text transform=\"translate({:.1} {:.1}) rotate(-90)\" text-anchor=\"middle\">{y_name}</text>",
            left - 45.0,
            top + PANEL.1 / 2.0
        );
        for step in 0..=4 {
            let part = f64::from(step) / 4.0;
            let (x, y) = (
                panel.x.0 + part * (panel.x.1 - panel.x.0),
                panel.y.0 + part * (panel.y.1 - panel.y.0),
            );
            let below = panel.place((x, panel.y.0));
            self.word((below.0, below.1 + 16.0), "middle", &short(x));
            let beside = panel.place((panel.x.0, y));
            self.word((beside.0 - 6.0, beside.1 + 4.0), "end", &short(y));
        }
    }

    fn legend(&mut self, left: f64) {
        let arms = CHOKERS.iter().filter(|arm| **arm != R4_AGAIN);
        for (row, (arm, colour)) in arms.zip(COLOURS).enumerate() {
            let y = ROOM.1 + 12.0 + row as f64 * 20.0;
            self.point((left, y - 4.0), colour);
            self.word((left + 10.0, y), "start", arm.name);
        }
    }

    fn finish(mut self) -> String {
        self.0 += "</svg>\n";
        self.0
    }
}

impl Panel {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let part = |value: f64, (low, high): (f64, f64)| (value - low) / (high - low);
        (
            self.left + part(x, self.x) * PANEL.0,
            ROOM.1 + (1.0 - part(y, self.y)) * PANEL.1,
        )
    }
}

fn short(value: f64) -> String {
    let digits = if value.abs() >= 10.0 { 0 } else { 2 };
    super::report::number(value, digits)
}

fn colour(effect: &Effect) -> &'static str {
    let at = CHOKERS.iter().position(|arm| *arm == effect.arm);
    at.map_or(COLOURS[0], |at| COLOURS[at % COLOURS.len()])
}

/// A span that holds all values and a little more; never empty.
fn span(values: impl Iterator<Item = f64>, must: (f64, f64)) -> (f64, f64) {
    let (low, high) = values.fold(must, |(low, high), value| (low.min(value), high.max(value)));
    let more = (high - low) * 0.05;
    (low - more, high + more)
}

fn panel_left(number: usize) -> f64 {
    ROOM.0 + number as f64 * (PANEL.0 + ROOM.0)
}

const REGIMES: [(bool, &str); 2] = [(false, "uplink not bound"), (true, "uplink bound")];

/// Upload saved over the completion-time ratio, a point for each swarm.
pub(super) fn saving(plan: &Plan, results: &Results) -> String {
    let effects = effects(plan, results);
    let mut svg = Svg::new(REGIMES.len());
    for (number, (bound, title)) in REGIMES.into_iter().enumerate() {
        let own = effects.iter();
        let own = own.filter(|effect| effect.swarm.uplink_bytes_per_s.is_some() == bound);
        let own: Vec<&Effect> = own.collect();
        let panel = Panel {
            title: title.to_owned(),
            x: span(own.iter().map(|effect| effect.time.median), (0.98, 1.04)),
            y: span(own.iter().map(|effect| effect.saved.median), (-5.0, 45.0)),
            left: panel_left(number),
        };
        svg.frame(
            &panel,
            "completion time to that of unchoke-all",
            "upload payload saved, %",
        );
        for x in [1.0, 1.02] {
            let (low, high) = ((x, panel.y.0), (x, panel.y.1));
            svg.line(panel.place(low), panel.place(high), "#bbbbbb", 1.0);
        }
        for y in [0.0, 40.0] {
            let (low, high) = ((panel.x.0, y), (panel.x.1, y));
            svg.line(panel.place(low), panel.place(high), "#bbbbbb", 1.0);
        }
        for effect in own {
            let at = (effect.time.median, effect.saved.median);
            svg.point(panel.place(at), colour(effect));
        }
    }
    svg.legend(panel_left(REGIMES.len()) - 40.0);
    svg.finish()
}

/// The share of the upload that free riders get, over the number of leechers,
/// in the swarms of which half are free riders.
pub(super) fn riders(plan: &Plan, results: &Results) -> String {
    let effects = effects(plan, results);
    let first = effects.first();
    let first = first.map(|effect| (effect.swarm.who, effect.swarm.torrent));
    let mut svg = Svg::new(REGIMES.len());
    for (number, (bound, title)) in REGIMES.into_iter().enumerate() {
        let own = effects.iter().filter(|effect| {
            effect.swarm.uplink_bytes_per_s.is_some() == bound
                && effect.swarm.riders_percent == 50
                && Some((effect.swarm.who, effect.swarm.torrent)) == first
        });
        let own: Vec<&Effect> = own.collect();
        let panel = Panel {
            title: format!("{title}, half of the leechers are free riders"),
            x: (0.0, 44.0),
            y: (0.0, 100.0),
            left: panel_left(number),
        };
        svg.frame(&panel, "leechers", "share of the upload to free riders, %");
        let leechers = |effect: &Effect| effect.swarm.leechers as f64;
        for arm in CHOKERS {
            let line = own.iter().filter(|effect| effect.arm == arm);
            let points: Vec<_> = line
                .map(|effect| (leechers(effect), effect.riders.0 * 100.0, colour(effect)))
                .collect();
            draw(&mut svg, &panel, &points);
        }
        let base = own.iter().filter(|effect| effect.arm == CHOKERS[1]);
        let base: Vec<_> = base
            .map(|effect| (leechers(effect), effect.riders.1 * 100.0, COLOURS[0]))
            .collect();
        draw(&mut svg, &panel, &base);
    }
    svg.legend(panel_left(REGIMES.len()) - 40.0);
    svg.finish()
}

fn draw(svg: &mut Svg, panel: &Panel, points: &[(f64, f64, &str)]) {
    for pair in points.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        svg.line(
            panel.place((from.0, from.1)),
            panel.place((to.0, to.1)),
            from.2,
            1.5,
        );
    }
    for (x, y, colour) in points {
        svg.point(panel.place((*x, *y)), colour);
    }
}
