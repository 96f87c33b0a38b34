#' The record of a run
#'
#' @param x What [outcrop_predict()], [outcrop_measurements()] or [outcrop_change()] gave, or the folder
#'   of a finished run.
#' @return A list of the class `outcrop_run`: `folder`, its path, and `record`, what `summary.json`
#'   there holds: version, models with sha256, inputs with theirs, assumptions, seed, refused inputs,
#'   notes.
#' @examples
#' \dontrun{
#' outcrop_run(deposits)$record$models
#' }
#' @export
outcrop_run <- function(x) {
  if (inherits(x, "outcrop_run")) return(x)
  if (!is.character(x)) {
    run <- attr(x, "run", exact = TRUE)
    if (is.null(run)) refuse("usage", "this table does not know its run any more: give the folder of the run")
    return(run)
  }
  file <- file.path(x, "summary.json")
  if (length(x) != 1 || !file.exists(file)) {
    refuse("input", sprintf("%s holds no finished run: give the folder that a run wrote to", toString(x)))
  }
  record <- jsonlite::fromJSON(file, simplifyVector = FALSE)
  structure(list(folder = normalizePath(x), record = record), class = "outcrop_run")
}

#' @export
print.outcrop_run <- function(x, ...) {
  cat(sprintf("Outcrop run, %s, version %s, %s\n", x$record$task, x$record$outcrop, x$record$created))
  cat("folder:", x$folder, "\n")
  for (model in x$record$models) cat("model:", model$file, model$sha256, "\n")
  cat(sprintf("inputs: %d, refused: %d\n", length(x$record$inputs), length(x$record$refused)))
  invisible(x)
}

#' Rasters of a run
#'
#' Paths of GeoTIFFs on the grid of each scene, for `terra::rast()`, `stars::read_stars()` or a GIS.
#' Masks hold 0 (background), 1 (tailings) and 255 (not seen, the nodata value); probabilities are
#' those of tailings, 0 to 1 once the scale in the file is applied, and high where the mask is 1.
#'
#' @param run What [outcrop_predict()] gave, or the folder of a finished run.
#' @return Paths, named by scene, one for each that was not refused. Pictures without georeference have PNGs.
#' @examples
#' \dontrun{
#' terra::plot(terra::rast(outcrop_mask(deposits)))
#' }
#' @export
outcrop_mask <- function(run) files_of(run, "mask")

#' @rdname outcrop_mask
#' @export
outcrop_probability <- function(run) files_of(run, "probability")

# Paths of one kind of raster, named by the stem of their scene.
files_of <- function(run, kind) {
  run <- outcrop_run(run)
  used <- Filter(function(input) is.null(input$error), run$record$inputs)
  found <- lapply(used, function(input) {
    files <- unlist(input$files)
    files <- files[startsWith(files, paste0(input$stem, ".")) & grepl(sprintf("\\.%s\\.[a-z]+$", kind), files)]
    stats::setNames(file.path(run$folder, files), rep(input$stem, length(files)))
  })
  found <- unlist(found)
  if (is.null(found)) character() else found
}

#' Measurements of a run
#'
#' @param run What [outcrop_predict()] gave, or the folder of a finished run.
#' @return A data frame, one row per measurement: `input`, `name`, `value`, `unit`, the bounds `low` and
#'   `high` of the 90 % interval, `method`, and a column for everything else that is said of any, `NA`
#'   where it is not said.
#' @examples
#' \dontrun{
#' m <- outcrop_measurements(deposits)
#' m[m$name == "tailings area", c("input", "value", "low", "high", "unit")]
#' }
#' @export
outcrop_measurements <- function(run) {
  run <- outcrop_run(run)
  rows <- lapply(run$record$inputs, function(input) {
    lapply(input$measurements, function(m) c(list(input = input$input), m[names(m) != "about"], m$about))
  })
  rows <- unlist(rows, recursive = FALSE)
  table <- bind_rows_of(rows, first = list(
    input = character(), name = character(), value = numeric(), unit = character(), low = numeric(), high = numeric(),
    method = character()
  ))
  attr(table, "run") <- run
  table
}

# Lists with different names -> one data frame; `first` gives the columns that are always there.
bind_rows_of <- function(rows, first) {
  names <- unique(c(names(first), unlist(lapply(rows, names))))
  columns <- lapply(names, function(name) {
    values <- lapply(rows, function(row) cell_of(row[[name]]))
    column <- if (length(values)) do.call(c, values) else first[[name]]
    # A whole number in JSON is still a number among others.
    if (is.double(first[[name]])) as.double(column) else column
  })
  as.data.frame(stats::setNames(columns, names), stringsAsFactors = FALSE, optional = TRUE)
}

# A value of JSON as one cell: nothing is NA, what is no single value is its JSON.
cell_of <- function(value) {
  if (is.null(value)) return(NA)
  if (is.atomic(value) && length(value) == 1) return(value)
  as.character(jsonlite::toJSON(value, auto_unbox = TRUE, digits = NA))
}

# Refused inputs, with why.
refused_of <- function(run) {
  bind_rows_of(run$record$refused, first = list(input = character(), error = character()))
}
