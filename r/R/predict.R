#' See tailings in scenes and measure them
#'
#' Runs `outcrop predict` and reads the layer of deposits that it leaves. All files stay in `out`.
#'
#' @param scenes Files or folders; or a `SpatRaster` of terra, or a list of them. A `SpatRaster` is
#'   written to a GeoTIFF first, with the names of its layers as names of bands; its date is lost, so
#'   give the file where there is one.
#' @param out Folder for the results, new or empty.
#' @param task The room: `"tailings"`, or another of [outcrop_tasks()].
#' @param model Model files, or names of shipped sets, in place of the shipped set that fits.
#' @param ... Further options of `outcrop predict`, see [outcropr-package].
#' @param overwrite Write into a folder that holds other files.
#' @return A table of deposits of the class `outcrop_deposits`: an `sf` table in the projection of the
#'   scenes (in degrees when they have several), with `area_ha`, the bounds `area_ha_low` and
#'   `area_ha_high` of the 90 % interval, and the further columns of the layer. No deposit, or
#'   `no_area = TRUE`, gives a table without rows. The record of the run is an attribute, see
#'   [outcrop_run()]. Of a room without a layer of deposits: its [outcrop_measurements()].
#' @seealso [outcrop_mask()], [outcrop_measurements()], [outcrop_audit()], [outcrop_change()]
#' @examples
#' \dontrun{
#' deposits <- outcrop_predict("scene.tif", out = "run")
#' summary(deposits)
#' plot(deposits)
#' deposits[deposits$area_ha_low > 10, ]
#' }
#' @export
outcrop_predict <- function(scenes, out = tempfile("outcrop-run-"), task = "tailings", model = NULL, ...,
                            overwrite = FALSE) {
  made <- list(out = path.expand(out), model = given_model(model), overwrite = overwrite, json = TRUE, ...)
  inputs <- scene_files(scenes)
  done <- run_outcrop(c("predict", task, options_of(made), "--", inputs))
  run <- outcrop_run(out)
  if (done$status == 4) warn_of_refused(run)
  if (task == "tailings" || file.exists(layer_of(run))) outcrop_deposits(run) else outcrop_measurements(run)
}

#' Deposits of a finished run
#'
#' @param run What [outcrop_predict()] gave, or the folder of a finished run.
#' @return An `sf` table, see [outcrop_predict()].
#' @examples
#' \dontrun{
#' outcrop_deposits("run")
#' }
#' @export
outcrop_deposits <- function(run) {
  run <- outcrop_run(run)
  file <- layer_of(run)
  table <- if (file.exists(file)) read_layer(file) else no_deposits()
  as_deposits(table, run)
}

# A model's name or file; files keep their meaning when the program runs elsewhere.
given_model <- function(model) {
  if (is.null(model)) NULL else path.expand(model)
}

# Paths of what was given as scenes.
scene_files <- function(scenes) {
  if (is.character(scenes)) {
    if (!length(scenes) || anyNA(scenes)) refuse("usage", "no scene was given: give files or folders")
    return(path.expand(scenes))
  }
  if (inherits(scenes, "SpatRaster")) scenes <- list(scenes)
  if (!is.list(scenes) || !length(scenes) || !all(vapply(scenes, inherits, logical(1), "SpatRaster"))) {
    refuse("usage", sprintf(
      "scenes are a %s: give files, folders, or SpatRasters of terra", paste(class(scenes), collapse = ", ")
    ))
  }
  if (!requireNamespace("terra", quietly = TRUE)) {
    refuse("usage", "a SpatRaster is written by the package terra, which is not there: install it, or give the file")
  }
  folder <- tempfile("outcrop-scenes-")
  dir.create(folder)
  names <- names(scenes)
  if (is.null(names)) names <- paste0("raster-", seq_along(scenes))
  files <- file.path(folder, paste0(names, ".tif"))
  Map(function(raster, file) terra::writeRaster(raster, file, datatype = "FLT4S"), scenes, files)
  files
}

warn_of_refused <- function(run) {
  refused <- refused_of(run)
  inputs <- length(run$record$inputs)
  sentence <- sprintf(
    "%d of %d inputs %s refused: %s", nrow(refused), inputs, if (nrow(refused) == 1) "was" else "were",
    itemise(in_words_of_r(refused$error))
  )
  classes <- c("outcrop_warning_partial", "outcrop_warning", "warning", "condition")
  warning(structure(class = classes, list(message = sentence, call = NULL, refused = refused)))
}

layer_of <- function(run) file.path(run$folder, "deposits.gpkg")

# The layer as it is; what older GDAL says of newer GeoPackages is no news for the reader.
read_layer <- function(file) {
  harmless <- "may only be partially supported|Non-conformant content .* successfully parsed"
  withCallingHandlers(
    sf::st_read(file, layer = "deposits", quiet = TRUE, stringsAsFactors = FALSE),
    warning = function(said) if (grepl(harmless, conditionMessage(said))) invokeRestart("muffleWarning")
  )
}

# The columns of the layer, without rows.
no_deposits <- function() {
  sf::st_sf(
    id = numeric(), class = character(), area_ha = numeric(), area_ha_low = numeric(), area_ha_high = numeric(),
    perimeter_m = numeric(), mean_probability = numeric(), touches_edge = logical(), observed_share = numeric(),
    scene = character(), acquired = as.POSIXct(character(), tz = "UTC"), model_sha256 = character(),
    duplicate_of = numeric(), geom = sf::st_sfc(crs = NA_integer_)
  )
}
