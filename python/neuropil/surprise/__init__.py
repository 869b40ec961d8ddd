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

from neuropil.surprise._alarms import AlarmRule, Alarms, AlarmThreshold, calibrate_alarm, detect
from neuropil.surprise._annotators import Agreement, agreement
from neuropil.surprise._batch import filter_batch
from neuropil.surprise._learner import ChangePointLearner
from neuropil.surprise._parameters import HazardTable, NegativeBinomialHazard
from neuropil.surprise._recovery import Confusion, Recovery, confuse, recover
from neuropil.surprise._responses import Choice, Report
from neuropil.surprise._results import (
    ChangeCount,
    Draws,
    FilterResult,
    HazardFit,
    OnlineHazard,
    Regressors,
    RunLengths,
    Segmentation,
    Smoothing,
    Tuning,
    Update,
)
from neuropil.surprise._simulation import Simulation, simulate
from neuropil.surprise._subjects import GroupFit, SubjectFit, fit_subject, fit_subjects

__all__ = [
    "Agreement",
    "AlarmRule",
    "AlarmThreshold",
    "Alarms",
    "ChangeCount",
    "ChangePointLearner",
    "Choice",
    "Confusion",
    "Draws",
    "FilterResult",
    "GroupFit",
    "HazardFit",
    "HazardTable",
    "NegativeBinomialHazard",
    "OnlineHazard",
    "Recovery",
    "Regressors",
    "Report",
    "RunLengths",
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
