"""Keys of a peer's recipe that mean nothing here: set aside, each with the reason, and told once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

_LABELS = "label files come from `datasets` in config.yaml"
_SPLIT = "the split is made by its own stage from `split` in config.yaml"
_CACHE = "frames are decoded once into the store"
_FOLDERS = "the workflow names the folders"
_TRAINER = "filled by the peer's trainer"
_LOGGING = "curves are logged to training_log.csv"
_PICTURES = "only losses and the learning rate are sent"
_APART = "identities are learnt by a network of their own, for itself; the nodes alone choose the epoch"
_OTHER_TYPE = "belongs to a model type or mode of the peer that is not part of Posewright"

SET_ASIDE: dict[str, str] = {
    "name": _FOLDERS,
    "description": "free text of the peer",
    "filename": _FOLDERS,
    "sleap_nn_version": _TRAINER,
    "data_config.train_labels_path": _LABELS,
    "data_config.val_labels_path": _LABELS,
    "data_config.test_file_path": _LABELS,
    "data_config.provider": _LABELS,
    "data_config.user_instances_only": "only user instances are ever learnt from",
    "data_config.validation_fraction": _SPLIT,
    "data_config.use_same_data_for_val": _SPLIT,
    "data_config.split": _SPLIT,
    "data_config.data_pipeline_fw": _CACHE,
    "data_config.cache_img_path": _CACHE,
    "data_config.use_existing_imgs": _CACHE,
    "data_config.delete_cache_imgs_after_training": _CACHE,
    "data_config.parallel_caching": _CACHE,
    "data_config.cache_workers": _CACHE,
    "data_config.skeletons": "the skeleton comes from the labels",
    "data_config.identity": _OTHER_TYPE,
    "data_config.centroids_from_masks": _OTHER_TYPE,
    "data_config.bbox_source": _OTHER_TYPE,
    "data_config.bbox_padding": _OTHER_TYPE,
    "data_config.preprocessing.tiling": _OTHER_TYPE,
    "data_config.preprocessing.crop_mode": _OTHER_TYPE,
    "data_config.preprocessing.crop_bbox_aspect": _OTHER_TYPE,
    "data_config.preprocessing.crop_bbox_padding": _OTHER_TYPE,
    "data_config.preprocessing.crop_bbox_min_size": _OTHER_TYPE,
    "data_config.preprocessing.burn_in": _OTHER_TYPE,
    "data_config.preprocessing.background_fill": _OTHER_TYPE,
    "data_config.preprocessing.crop_centering": _OTHER_TYPE,
    "data_config.augmentation_config.geometric.mixup_lambda_min": "without effect in the peer",
    "data_config.augmentation_config.geometric.mixup_lambda_max": "without effect in the peer",
    "data_config.augmentation_config.geometric.mixup_p": "without effect in the peer",
    "model_config.total_params": _TRAINER,
    "model_config.backbone_config.pretrained": "backbones from the Hugging Face hub are not part of Posewright",
    "model_config.head_configs.bottomup_segmentation": _OTHER_TYPE,
    "model_config.head_configs.centered_instance_segmentation": _OTHER_TYPE,
    "model_config.head_configs.semantic_segmentation": _OTHER_TYPE,
    "model_config.head_configs.embedding": _OTHER_TYPE,
    "model_config.head_configs.bbox_centernet": _OTHER_TYPE,
    "model_config.head_configs.bbox_ssd": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.centroid_source": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.centroid_method": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.centroid_fallback": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.use_sigmoid_activation": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.focal_loss_alpha": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.focal_loss_beta": _OTHER_TYPE,
    "model_config.head_configs.centroid.confmaps.focal_loss_pos_threshold": _OTHER_TYPE,
    "model_config.head_configs.centered_instance.confmaps.centroid_method": _OTHER_TYPE,
    "model_config.head_configs.centered_instance.confmaps.centroid_fallback": _OTHER_TYPE,
    "model_config.head_configs.multi_class_bottomup.class_maps.class_output": _OTHER_TYPE,
    "model_config.head_configs.multi_class_bottomup.class_maps.loss_weight": _APART,
    "model_config.head_configs.multi_class_topdown.class_vectors.class_output": _OTHER_TYPE,
    "model_config.head_configs.multi_class_topdown.class_vectors.loss_weight": _APART,
    "trainer_config.seed": "seeds come from `seeds` in config.yaml",
    "trainer_config.save_ckpt": "best and last checkpoint are always kept",
    "trainer_config.model_ckpt": "best and last checkpoint are always kept",
    "trainer_config.ckpt_dir": _FOLDERS,
    "trainer_config.run_name": _FOLDERS,
    "trainer_config.resume_ckpt_path": "an interrupted training resumes by itself",
    "trainer_config.trainer_device_indices": "the scheduler gives the devices",
    "trainer_config.trainer_strategy": "several devices always learn in parallel from batches of their own",
    "trainer_config.profiler": _LOGGING,
    "trainer_config.eval": "evaluation is a stage of its own",
    "trainer_config.visualize_preds_during_training": _LOGGING,
    "trainer_config.keep_viz": _LOGGING,
    "trainer_config.viz_img_format": _LOGGING,
    "trainer_config.wandb.api_key": "a key does not belong in a recipe: `wandb login`, or the variable WANDB_API_KEY",
    "trainer_config.wandb.prv_runid": "an interrupted training goes on in its own run",
    "trainer_config.wandb.current_run_id": "an interrupted training goes on in its own run",
    "trainer_config.wandb.save_viz_imgs_wandb": _PICTURES,
    "trainer_config.wandb.viz_enabled": _PICTURES,
    "trainer_config.wandb.viz_boxes": _PICTURES,
    "trainer_config.wandb.viz_masks": _PICTURES,
    "trainer_config.wandb.viz_box_size": _PICTURES,
    "trainer_config.wandb.viz_confmap_threshold": _PICTURES,
    "trainer_config.wandb.log_viz_table": _PICTURES,
    "trainer_config.wandb.delete_local_logs": "the work folder keeps them",
    "trainer_config.zmq": _LOGGING,
}


def without_set_aside(recipe: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a copy of a recipe's map without the keys of the table, and which of them it had."""
    rest = copy.deepcopy(dict(recipe))
    found = [path for path in SET_ASIDE if _remove(rest, path.split("."))]
    return rest, tuple(found)


def _remove(value: Any, path: list[str]) -> bool:
    for part in path[:-1]:
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, dict) and path[-1] in value:
        del value[path[-1]]
        return True
    return False
