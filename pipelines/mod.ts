/**
 * Everything that touches the world, as Effect programs: data, weights, runs, training, stages, evaluation, figures.
 * @module
 */
export * from "./base/bridge.ts";
export * from "./ablations/ablate.ts";
export * from "./ablations/ablation.ts";
export * from "./engine/ablation_record.ts";
export * from "./engine/artefact.ts";
export * from "./ablations/commands.ts";
export * from "./ablations/config.ts";
export * from "./engine/experiment.ts";
export * from "./ablations/families.ts";
export * from "./ablations/fault.ts";
export * from "./engine/fault.ts";
export * from "./ablations/figures.ts";
export {
  artefactName,
  bridgeAfter,
  type Job,
  jobGraph,
  type JobKind,
  jobKinds,
  jobNamed,
  jobsOf,
  type MadeBy,
  neededFor,
  type SeenScenes,
} from "./engine/jobs.ts";
export { type MakeError, makeStage } from "./engine/make.ts";
export {
  type Form,
  type MetricInfo,
  metricInfos,
  type SampleScore,
  type SampleScores,
  sampleScoresOf,
  scoresOfSamples,
} from "./engine/sample_scores.ts";
export * from "./ablations/object_size.ts";
export * from "./ablations/presets.ts";
export * from "./ablations/size_scores.ts";
export * from "./ablations/statistics.ts";
export * from "./ablations/summary.ts";
export * from "./ablations/summary_types.ts";
export * from "./ablations/table.ts";
export * from "./engine/work.ts";
export { type JobContext, jobContext } from "./engine/context.ts";
export * from "./ablations/write.ts";
export * from "./board/serve.ts";
export * from "./configs/bridge_codec.ts";
export * from "./configs/config.ts";
export * from "./configs/model.ts";
export * from "./configs/named.ts";
export * from "./configs/paper_row.ts";
export * from "./configs/show.ts";
export * from "./configs/training.ts";
export * from "./records/box.ts";
export * from "./scenes/card.ts";
export * from "./scenes/card_text.ts";
export * from "./scenes/colours.ts";
export * from "./scenes/composition.ts";
export * from "./scenes/concepts.ts";
export * from "./scenes/config.ts";
export * from "./scenes/image_grid.ts";
export * from "./scenes/drawings.ts";
export type { Raster } from "./scenes/raster.ts";
export * from "./base/data_error.ts";
export * from "./formats/choices.ts";
export * from "./formats/captions.ts";
export * from "./formats/format.ts";
export * from "./formats/formats.ts";
export * from "./formats/open_questions.ts";
export * from "./formats/llava.ts";
export * from "./formats/mmbench.ts";
export * from "./formats/yes_no.ts";
export * from "./formats/parquet.ts";
export * from "./formats/read.ts";
export * from "./formats/refcoco.ts";
export * from "./formats/source.ts";
export * from "./formats/training.ts";
export * from "./formats/webdataset.ts";
export * from "./records/grid.ts";
export * from "./images/decode.ts";
export * from "./images/image_checks.ts";
export * from "./images/image_files.ts";
export * from "./images/squares.ts";
export * from "./scenes/lexicon/kinds.ts";
export * from "./scenes/lexicon/names.ts";
export * from "./mixtures/mixture.ts";
export * from "./mixtures/mixture_buckets.ts";
export * from "./mixtures/mixture_config.ts";
export * from "./mixtures/mixture_open.ts";
export * from "./mixtures/mixture_part.ts";
export * from "./mixtures/mixture_prepare.ts";
export * from "./scenes/pattern.ts";
export * from "./scenes/plate_fonts.ts";
export * from "./scenes/world_tables.ts";
export * from "./scenes/questions/expected.ts";
export * from "./scenes/questions/places.ts";
export * from "./scenes/questions/view.ts";
export * from "./scenes/questions/rules.ts";
export * from "./scenes/questions/box_format.ts";
export { findRealism, realismLicences, realismPackages } from "./scenes/realism_pack.ts";
export * from "./scenes/record.ts";
export * from "./scenes/regions.ts";
export * from "./base/rng.ts";
export * from "./scenes/scene.ts";
export * from "./images/image_set.ts";
export * from "./scenes/shards/make.ts";
export * from "./scenes/shards/plan.ts";
export * from "./scenes/shards/read.ts";
export * from "./scenes/tasks.ts";
export { renderDataset, type RenderOptions } from "./scenes/workers.ts";
export * from "./doctor/examine.ts";
export * from "./doctor/report.ts";
export * from "./eval/anls.ts";
export * from "./eval/bleu.ts";
export * from "./eval/board.ts";
export * from "./base/bootstrap.ts";
export * from "./eval/boxes_found.ts";
export * from "./eval/caption.ts";
export * from "./eval/cer.ts";
export * from "./eval/chair.ts";
export * from "./eval/choice.ts";
export * from "./eval/cider.ts";
export * from "./eval/controls.ts";
export * from "./eval/count.ts";
export * from "./eval/error.ts";
export * from "./eval/exact.ts";
export * from "./eval/gqa.ts";
export * from "./eval/mcnemar.ts";
export * from "./eval/mmbench.ts";
export * from "./eval/mme.ts";
export * from "./eval/ngrams.ts";
export * from "./eval/pope.ts";
export * from "./eval/presence.ts";
export * from "./eval/ptb.ts";
export * from "./eval/reading.ts";
export * from "./eval/refcoco.ts";
export * from "./eval/refer.ts";
export * from "./eval/registry.ts";
export * from "./eval/scene_benchmarks.ts";
export * from "./eval/scene_mentions.ts";
export * from "./eval/scene_records.ts";
export * from "./eval/scienceqa.ts";
export * from "./eval/seed.ts";
export * from "./eval/slices.ts";
export * from "./eval/vizwiz.ts";
export * from "./eval/vqa.ts";
export * from "./eval/vqa_normal.ts";
export * from "./eval/yes_no.ts";
export * from "./eval/benchmark.ts";
export * from "./eval/evaluation.ts";
export { answeredOf } from "./eval/join.ts";
export type { Credit, ScoreReport } from "./eval/report.ts";
export type { OfficialScript } from "./eval/scripts.ts";
export {
  type Answered as AnsweredRecord,
  type BenchmarkRecord,
  type BoxRecord,
  type CaptionRecord,
  type ChoiceRecord,
  type ExactRecord,
  type OpenRecord,
  type Prediction,
  predictionCodec,
  type ReadingRecord,
  type RecordBase,
  recordBase,
  recordCodecs,
  type RecordKind,
  type YesNoRecord,
} from "./records/records.ts";
export { type ParseResults, type ResultFiles, type SubmissionFormat } from "./eval/submission/format.ts";
export * from "./eval/submission/formats.ts";
export * from "./eval/submission/keyed.ts";
export { mmbenchTable } from "./eval/submission/mmbench_table.ts";
export * from "./eval/submission/mme_text.ts";
export * from "./eval/submission/pope_lines.ts";
export * from "./figures/cost_chart.ts";
export * from "./figures/interval_chart.ts";
export * from "./figures/loss_chart.ts";
export * from "./figures/plan_chart.ts";
export { display, type Figure } from "./figures/plot.ts";
export * from "./figures/profile_chart.ts";
export * from "./figures/scaling_chart.ts";
export * from "./figures/size_chart.ts";
export * from "./figures/time_score.ts";
export * from "./report/study_charts.ts";
export * from "./notebooks/costs.ts";
export * from "./notebooks/fault.ts";
export * from "./notebooks/images.ts";
export * from "./notebooks/lab.ts";
export * from "./notebooks/profiling.ts";
export * from "./notebooks/display.ts";
export * from "./report/study_sizes.ts";
export * from "./notebooks/study.ts";
export * from "./plan/compiled.ts";
export * from "./plan/device.ts";
export * from "./plan/flops.ts";
export * from "./plan/memory.ts";
export * from "./plan/parameters.ts";
export * from "./plan/plan.ts";
export * from "./plan/relative.ts";
export * from "./plan/show.ts";
export * from "./plan/step.ts";
export * from "./configs/override.ts";
export * from "./configs/preset.ts";
export * from "./report/document.ts";
export * from "./report/write.ts";
export { reportData, reportPage } from "./report/render.ts";
export * from "./base/nullable_number.ts";
export { RanksError } from "./ranks/ranks.ts";
export * from "./runs/data_table.ts";
export * from "./runs/diff.ts";
export * from "./base/disk.ts";
export * from "./base/paths.ts";
export * from "./runs/export.ts";
export * from "./base/fault.ts";
export * from "./base/hash.ts";
export * from "./runs/index.ts";
export * from "./runs/manifest.ts";
export * from "./runs/metrics.ts";
export * from "./runs/parquet.ts";
export * from "./runs/query.ts";
export * from "./runs/run_directory.ts";
export * from "./runs/run_lock.ts";
export type { RunScores, Scores as ScoresByName } from "./runs/run_scores.ts";
export * from "./runs/hard_link.ts";
export * from "./runs/status.ts";
export * from "./runs/tail.ts";
export * from "./runs/tensorboard.ts";
export * from "./stages/answer.ts";
export * from "./stages/answer_records.ts";
export * from "./stages/answer_grid.ts";
export * from "./stages/encoder.ts";
export * from "./stages/encoding.ts";
export * from "./stages/evaluate.ts";
export * from "./stages/expand.ts";
export * from "./stages/kind_scores.ts";
export * from "./stages/language.ts";
export * from "./stages/language_config.ts";
export * from "./stages/mixture_source.ts";
export * from "./stages/model.ts";
export * from "./stages/train.ts";
export * from "./stages/region_contrast.ts";
export * from "./stages/scene_source.ts";
export * from "./stages/scores.ts";
export * from "./stages/source.ts";
export * from "./configs/spread.ts";
export * from "./stages/stage.ts";
export * from "./stages/vision.ts";
export * from "./stages/causal_lm.ts";
export * from "./stages/vision_config.ts";
export * from "./stages/vision_data.ts";
export * from "./terminal/progress.ts";
export * from "./terminal/table.ts";
export * from "./ask/ask.ts";
export * from "./generate/beam_search.ts";
export * from "./generate/beams.ts";
export * from "./generate/decoding.ts";
export * from "./generate/fault.ts";
export * from "./ask/export_trained.ts";
export * from "./ask/exported.ts";
export type { LanguageFiles } from "./text/language_files.ts";
export * from "./generate/generator.ts";
export * from "./ask/attention_figure.ts";
export * from "./ask/attention_maps.ts";
export * from "./ask/input_image.ts";
export * from "./generate/programs.ts";
export * from "./ask/trained.ts";
export * from "./text/batch.ts";
export * from "./text/boxes.ts";
export * from "./text/bpe.ts";
export { type Coder, coderOf, parseCoder } from "./text/coder.ts";
export * from "./text/conversation.ts";
export * from "./text/language.ts";
export * from "./text/native_coder.ts";
export * from "./text/prompt.ts";
export * from "./text/prompts.ts";
export * from "./text/record_turns.ts";
export * from "./text/image_mark.ts";
export * from "./text/rows.ts";
export * from "./text/template.ts";
export * from "./text/templates.ts";
export * from "./text/tokenizer.ts";
export * from "./train/encoder.ts";
export * from "./train/fault.ts";
export { FeatureStoreError, type ImageRefusal, type NewRow } from "./train/feature_rows.ts";
export * from "./train/feature_store.ts";
export * from "./train/features.ts";
export * from "./train/fill_features.ts";
export * from "./images/pixels.ts";
export * from "./train/precision.ts";
export * from "./train/rows.ts";
export * from "./train/saved_state.ts";
export * from "./train/timing.ts";
export * from "./train/trainer.ts";
export * from "./train/training.ts";
export * from "./tune/store.ts";
export * from "./images/bicubic.ts";
export * from "./vision/tower.ts";
export * from "./vision/weights.ts";
// The checkpoint file and the plain file format share short names; here each says which it is.
export {
  type Checkpoint,
  CheckpointError,
  type CheckpointReason,
  load as loadCheckpoint,
  read as readWeights,
  save as saveCheckpoint,
  type Saved,
  sweep as sweepCheckpoint,
} from "./weights/checkpoint.ts";
export { type Check, SafetensorsError } from "./weights/fault.ts";
export type { VisionTowerOptions } from "./weights/huggingface/vision_towers.ts";
export {
  exportDecoder,
  type ExportedModel,
  type ExportError,
  type ExportOptions,
  exportVisionTower,
} from "./weights/huggingface/export.ts";
export {
  loadDecoder,
  type LoadedModel,
  type LoadError,
  loadVisionTower,
  type OpenCheckpoint,
  openDecoder,
  type OpenModel,
  openVisionTower,
} from "./weights/huggingface/load.ts";
export type { DecoderOptions } from "./weights/huggingface/decoders.ts";
export { HubError, modelFolder, withDownloads } from "./weights/huggingface/hub.ts";
export { exportPeft, type LoadedAdapters, loadPeft } from "./weights/huggingface/peft.ts";
export { UnsupportedError } from "./weights/huggingface/unsupported.ts";
// the names that these had while LLaMA and CLIP were the only families, for programs that use them
export {
  exportDecoder as exportLlama,
  exportVisionTower as exportClipVision,
} from "./weights/huggingface/export.ts";
export {
  loadDecoder as loadLlama,
  loadVisionTower as loadClipVision,
  openDecoder as openLlama,
  openVisionTower as openClipVision,
} from "./weights/huggingface/load.ts";
export {
  type ArrayOrigin,
  type LazyArray,
  lazyArray,
  lazyArrays,
  type LazyError,
  randomArrays,
  readLazies,
  type UploadError,
  uploadLazies,
} from "./weights/lazy.ts";
export * from "./weights/merge.ts";
export { MisfitError, type Misfits, type Misshapen } from "./weights/misfit.ts";
export {
  decode as decodeSafetensors,
  type DecodeOptions,
  encode as encodeSafetensors,
  type FloatFormat,
  type Safetensors,
  type Tensors,
} from "./weights/safetensors.ts";
export { openSource, type SourceError, type StoredTensor, type WeightSource } from "./weights/source.ts";
export type { Float64Policy, StoredType } from "./weights/stored.ts";
export type { Named, Placement, Slice } from "./weights/table.ts";
export * from "./notebooks/tables.ts";
export * from "./engine/load.ts";
export * from "./engine/mixture_summary.ts";
export type { SourceFault } from "./engine/model_sources.ts";
export * from "./engine/record.ts";
export * from "./engine/resolve.ts";
export { runExperiment, type RunOptions, type RunPlaces, type RunResults, stageNames } from "./engine/run.ts";
export * from "./engine/summary.ts";
export * from "./engine/run_location.ts";
export type { EncodeOptions } from "./mixtures/prepared_tokens.ts";
export * from "./eval/predictions.ts";
export type { Rescored } from "./eval/rescore.ts";
export type { PartScores } from "./engine/mixture_evaluate.ts";
export type { MetricsDigest } from "./train/digest.ts";
export type { CodeVersions } from "./stages/code.ts";
export type { LiveLog } from "./runs/live.ts";
