"""Learning in a world that changes without notice.

========================  ==============================================================
what you want             where it is
========================  ==============================================================
beliefs and surprise      `ChangePointLearner`: ``filter``, ``update``, ``update_many``
looking back              ``smooth``, ``segment``, ``sample_segmentations``, ``change_count``
learning the hazard       ``fit_hazard``, ``learn_hazard``, ``tune``
regressors                ``regressors``
many sequences            `filter_batch`
simulated data            `simulate`
behaviour                 `fit_subject`, `fit_subjects`, `recover`, `confuse`
alarms                    `calibrate_alarm`, `detect`
human annotators          `agreement`
========================  ==============================================================

A change is the index of the first observation of the new segment, counted from 0. Logarithms are natural.
"""

from neuropil.surprise._learner import ChangePointLearner
from neuropil.surprise._parameters import HazardTable, NegativeBinomialHazard
from neuropil.surprise._results import (
    Agreement,
    Alarms,
    ChangeCount,
    FilterResult,
    HazardFit,
    OnlineHazard,
    Regressors,
    Segmentation,
    Simulation,
    Smoothing,
    Tuning,
    Update,
)
from neuropil.surprise._studies import (
    AlarmRule,
    AlarmThreshold,
    Choice,
    Confusion,
    GroupFit,
    Recovery,
    Report,
    SubjectFit,
    agreement,
    calibrate_alarm,
    confuse,
    detect,
    filter_batch,
    fit_subject,
    fit_subjects,
    recover,
    simulate,
)

__all__ = [
    "Agreement",
    "AlarmRule",
    "AlarmThreshold",
    "Alarms",
    "ChangeCount",
    "ChangePointLearner",
    "Choice",
    "Confusion",
    "FilterResult",
    "GroupFit",
    "HazardFit",
    "HazardTable",
    "NegativeBinomialHazard",
    "OnlineHazard",
    "Recovery",
    "Regressors",
    "Report",
    "Segmentation",
    "Simulation",
    "Smoothing",
    "SubjectFit",
    "Tuning",
    "Update",
    "agreement",
    "calibrate_alarm",
    "confuse",
    "detect",
    "filter_batch",
    "fit_subject",
    "fit_subjects",
    "recover",
    "simulate",
]
