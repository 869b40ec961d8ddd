//! One spare neuron connects the global minima: the expansion graph.

use neuropil_core::random::{Seed, uniform};
use neuropil_landscape::expansion_graph::ExpansionGraph;
use neuropil_report::{Claim, Colour, Figure, Marker, Panel, Section, Size, Source, Stroke, Table};

use super::{GEOMETRY, ROOM};
use crate::{Context, Experiment, Info, Result};

/// The graph of intersecting subspaces.
#[derive(Debug)]
pub struct Graph;

const INFO: Info = Info {
    id: "landscape.expansion-graph",
    room: ROOM,
    paper: GEOMETRY,
    figure: "Figure 4",
    title: "One spare neuron connects all global minima",
};

/// Needed neurons, slots; nodes, edges and components of the graph.
const GRAPHS: [(usize, usize, usize, usize, usize); 8] = [
    (1, 2, 3, 2, 1),
    (1, 3, 10, 30, 1),
    (1, 4, 37, 442, 1),
    (2, 2, 2, 0, 2),
    (2, 3, 12, 12, 1),
    (2, 4, 62, 300, 1),
    (3, 3, 6, 0, 6),
    (3, 4, 60, 72, 1),
];

impl Experiment for Graph {
    fn info(&self) -> &Info {
        &INFO
    }

    fn parameters(&self, _size: Size) -> serde_json::Value {
        serde_json::json!({ "graphs": GRAPHS.map(|(r, m, ..)| [r, m]) })
    }

    fn run(&self, context: &Context) -> Result<Section> {
        let mut section = Section::new(INFO.id, ROOM, INFO.title).describe(
            "Each node is an affine subspace of global minima: m slots hold copies of the r needed neurons, or neurons \
             without effect. An edge joins subspaces that intersect. With m = r there are r! isolated points; with one \
             slot more all of them are connected.",
        );
        let mut table = Table::new("graphs", "Expansion graphs")
            .column("r", "needed neurons")
            .column("m", "slots")
            .column("subspaces", "")
            .column("intersections", "")
            .column("components", "")
            .column("least dimension", "one output, two inputs")
            .column("largest dimension", "one output, two inputs");
        for (r, m, nodes, edges, components) in GRAPHS {
            context.monitor.check()?;
            let graph = ExpansionGraph::new(r, m)?;
            let found = [graph.nodes.len(), graph.edges.len(), graph.component_count()];
            for ((name, expected), found) in
                [("subspaces", nodes), ("intersections", edges), ("components", components)].into_iter().zip(found)
            {
                let source = if name == "components" { Source::Paper } else { Source::Theory };
                section = section.claim(
                    Claim::new(format!("{name}-{r}-{m}"), format!("number of {name}, r = {r}, m = {m}"))
                        .reference(expected as f64, source)
                        .value(found as f64)
                        .absolute_error_at_most(0.0),
                );
            }
            let (low, high) = graph.dimensions(2, 1);
            table.push([
                r.into(),
                m.into(),
                found[0].into(),
                found[1].into(),
                found[2].into(),
                low.into(),
                high.into(),
            ]);
        }
        let mut figure = Figure::new("expansion-graphs", INFO.title)
            .describe(
                "Graphs for r = 1, 2, 3 needed neurons and one spare slot. Circles: the spare neuron is silent; \
                 squares: it is a copy. The subspaces of r = 2 form a single ring of 12.",
            )
            .columns(3);
        for r in 1..=3 {
            figure = figure.panel(drawing(&ExpansionGraph::new(r, r + 1)?));
        }
        Ok(section.figure(figure).table(table))
    }
}

/// The graph with nodes placed by springs between neighbours and repulsion between all.
fn drawing(graph: &ExpansionGraph) -> Panel {
    let places = places(graph);
    let mut x = Vec::new();
    let mut y = Vec::new();
    for &(i, j) in &graph.edges {
        x.extend([places[i][0], places[j][0], f64::NAN]);
        y.extend([places[i][1], places[j][1], f64::NAN]);
    }
    let of = |silent: bool, axis: usize| -> Vec<f64> {
        let nodes = graph.nodes.iter().zip(&places);
        nodes.filter(|(node, _)| (node.groups() > 0) == silent).map(|(_, place)| place[axis]).collect()
    };
    Panel::new()
        .title(format!("r = {}, m = {}: {} subspaces", graph.r, graph.m, graph.nodes.len()))
        .height(300.0)
        .line("intersect", &x, &y)
        .colour(Colour::Grey)
        .stroke(Stroke::Solid)
        .size(1.0)
        .points("spare neuron silent", &of(true, 0), &of(true, 1))
        .colour(Colour::Blue)
        .marker(Marker::Circle)
        .size(5.0)
        .points("spare neuron a copy", &of(false, 0), &of(false, 1))
        .colour(Colour::Vermillion)
        .marker(Marker::Square)
        .size(5.0)
}

fn places(graph: &ExpansionGraph) -> Vec<[f64; 2]> {
    let n = graph.nodes.len();
    let mut stream = Seed::new(0).child("places").stream();
    let mut places: Vec<[f64; 2]> =
        (0..n).map(|_| [2.0 * uniform(&mut stream) - 1.0, 2.0 * uniform(&mut stream) - 1.0]).collect();
    let rest = (4.0 / n as f64).sqrt();
    for sweep in 0..3000 {
        let warmth = 0.1 * (1.0 - f64::from(sweep) / 3000.0);
        let mut forces = vec![[0.0; 2]; n];
        let mut push = |i: usize, j: usize, strength: &dyn Fn(f64) -> f64| {
            let step = [places[i][0] - places[j][0], places[i][1] - places[j][1]];
            let length = step[0].hypot(step[1]).max(1e-6);
            for axis in 0..2 {
                let force = strength(length) * step[axis] / length;
                forces[i][axis] += force;
                forces[j][axis] -= force;
            }
        };
        for i in 0..n {
            for j in 0..i {
                push(i, j, &|length| rest * rest / length);
            }
        }
        for &(i, j) in &graph.edges {
            push(i, j, &|length| -length * length / rest);
        }
        for (place, force) in places.iter_mut().zip(forces) {
            let length = force[0].hypot(force[1]).max(1e-12);
            for axis in 0..2 {
                place[axis] += force[axis] / length * length.min(warmth);
            }
        }
    }
    places
}
