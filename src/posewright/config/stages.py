"""Versions of the stages: raised by hand when a stage's behaviour changes, so that its results are made again."""

from __future__ import annotations

STAGE_VERSION: dict[str, int] = {
    "check_inputs": 1,  # told only: all that follows a check would be made again with it
    "split_labels": 4,
    "store_frames": 2,
    "measure_repeats": 1,
    "plan_recipe": 2,
    "train_model": 3,
    "choose_checkpoint": 1,
    "refit_model": 2,
    "make_release": 2,
    "predict_videos": 4,
    "publish_video": 1,
    "collect_status": 1,
    "check_quality": 2,
    "evaluate_method": 7,
    "compare_methods": 5,
    "suggest_frames": 1,
    "compare_behaviour": 4,
    "build_report": 7,
    "measure_speed": 2,
    "take_part": 1,
    "compare_parts": 1,
}
