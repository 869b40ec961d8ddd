//! `neuropil cite ROOM`.

use clap::{Args, ValueEnum};
use neuropil_core::provenance;
use serde_json::json;

use crate::document::document;
use crate::failure::{DONE, Result};
use crate::options::Context;

/// Print how to cite a room and the software
#[derive(Debug, Args)]
#[command(after_help = r"Examples:
  neuropil cite surprise
  neuropil cite surprise >> references.bib")]
pub(crate) struct CiteArgs {
    /// The room
    room: Room,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Room {
    Memory,
    Spikes,
    Surprise,
    Landscape,
}

impl Room {
    fn papers(self) -> &'static str {
        match self {
            Self::Memory => {
                "@inproceedings{iatropoulos2022kernel,
  title     = {Kernel Memory Networks: A Unifying Framework for Memory Modeling},
  author    = {Iatropoulos, Georgios and Brea, Johanni and Gerstner, Wulfram},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {35},
  year      = {2022},
  eprint    = {2208.09416},
  archivePrefix = {arXiv}
}
"
            }
            Self::Landscape => {
                "@inproceedings{simsek2021geometry,
  title     = {Geometry of the Loss Landscape in Overparameterized Neural Networks: Symmetries and Invariances},
  author    = {{\\c{S}}im{\\c{s}}ek, Berfin and Ged, Fran{\\c{c}}ois and Jacot, Arthur and Spadaro, Francesco and Hongler, Cl{\\'e}ment and Gerstner, Wulfram and Brea, Johanni},
  booktitle = {International Conference on Machine Learning},
  volume    = {139},
  pages     = {9722--9732},
  year      = {2021},
  eprint    = {2105.12221},
  archivePrefix = {arXiv}
}

@article{brea2019weight,
  title   = {Weight-space symmetry in deep networks gives rise to permutation saddles, connected by equal-loss valleys across the loss landscape},
  author  = {Brea, Johanni and Simsek, Berfin and Illing, Bernd and Gerstner, Wulfram},
  year    = {2019},
  eprint  = {1907.02911},
  archivePrefix = {arXiv}
}
"
            }
            Self::Spikes => {
                "@inproceedings{wang2022mesoscopic,
  title     = {Mesoscopic modeling of hidden spiking neurons},
  author    = {Wang, Shuqi and Schmutz, Valentin and Bellec, Guillaume and Gerstner, Wulfram},
  booktitle = {Advances in Neural Information Processing Systems},
  volume    = {35},
  year      = {2022},
  eprint    = {2205.13493},
  archivePrefix = {arXiv}
}

@article{schwalger2017towards,
  title   = {Towards a theory of cortical columns: From spiking neurons to interacting neural populations of finite size},
  author  = {Schwalger, Tilo and Deger, Moritz and Gerstner, Wulfram},
  journal = {PLoS Computational Biology},
  volume  = {13},
  pages   = {e1005507},
  year    = {2017}
}
"
            }
            Self::Surprise => {
                "@article{liakoni2021learning,
  title   = {Learning in Volatile Environments with the {Bayes} Factor Surprise},
  author  = {Liakoni, Vasiliki and Modirshanechi, Alireza and Gerstner, Wulfram and Brea, Johanni},
  journal = {Neural Computation},
  volume  = {33},
  pages   = {269--340},
  year    = {2021},
  eprint  = {1907.02936},
  archivePrefix = {arXiv}
}
"
            }
        }
    }
}

pub(crate) fn run(args: &CiteArgs, context: &Context<'_>) -> Result<i32> {
    context.global.refuse_plot("cite")?;
    context.global.refuse_out("cite")?;
    let papers = args.room.papers();
    let software = format!(
        "@software{{neuropil,
  title   = {{neuropil: models of learning and memory in neural circuits}},
  author  = {{{{The neuropil developers}}}},
  version = {{{}}},
  url     = {{{}}}
}}
",
        provenance::version(),
        env!("CARGO_PKG_REPOSITORY")
    );
    let room = args.room.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    context.console.show(format!("{papers}\n{software}"), || {
        let result = json!({ "papers": papers, "software": software });
        document("cite", context.global.seed(), json!({ "room": room }), json!(null), result)
    })?;
    Ok(DONE)
}
