#' Compare deposits with a register
#'
#' Runs `outcrop audit` on a finished run, whose report and record get the outcome.
#'
#' @param run What [outcrop_predict()] gave, or the folder of a finished run.
#' @param registry File of the register: CSV, Excel or GeoPackage with id, longitude, latitude and, if
#'   known, a declared area.
#' @param kind Which known register it is: `"sigbm"`, `"mg-area"` or `"sernageomin"`.
#' @param columns Columns of the register that are named otherwise, e.g.
#'   `c(id = "code", declared_area = "ha", area_unit = "ha")`.
#' @return A list of the class `outcrop_audit`: `deposits` and `points`, data frames of what was found
#'   for each deposit and each registered point, and `facts`, counts and ratios by name.
#' @examples
#' \dontrun{
#' outcrop_audit(deposits, "dams.csv", kind = "sigbm")
#' }
#' @export
outcrop_audit <- function(run, registry, kind = NULL, columns = NULL) {
  folder <- outcrop_run(run)$folder
  made <- list(registry = path.expand(registry), registry_kind = kind, registry_column = columns)
  run_outcrop(
    c("audit", options_of(made), "--", folder), renamed = c(registry_kind = "kind", registry_column = "columns")
  )
  found <- list(
    deposits = read_table(file.path(folder, "audit.deposits.csv")),
    points = read_table(file.path(folder, "audit.points.csv")),
    facts = facts_of(outcrop_run(folder))
  )
  structure(found, class = "outcrop_audit")
}

#' @export
print.outcrop_audit <- function(x, ...) {
  cat("Audit against a register; both lists are of candidates to look at\n")
  print_facts(x$facts)
  invisible(x)
}

#' Compare two dates, deposit by deposit
#'
#' @param before,after What [outcrop_predict()] gave of the earlier and the later date, folders of
#'   finished runs, or their layers.
#' @param out Folder for the table and the report, new or empty.
#' @param ... Settings of the comparison: `shared_edge = 0.5`, how far the errors of the two dates go
#'   together, 0 to 1.
#' @param seed Of the Monte Carlo draws.
#' @param overwrite Write into a folder that holds other files.
#' @return A data frame of the class `outcrop_change`, one row per deposit of either date: what became of
#'   it, its areas and their difference in square metres with a 90 % interval, and whether that excludes
#'   zero (`significant`).
#' @examples
#' \dontrun{
#' changes <- outcrop_change("run-2019", "run-2024")
#' changes[changes$significant, ]
#' }
#' @export
outcrop_change <- function(before, after, out = tempfile("outcrop-change-"), ..., seed = 0, overwrite = FALSE) {
  made <- list(out = path.expand(out), set = pairs_of(list(...)), seed = seed, overwrite = overwrite)
  dates <- vapply(list(before, after), date_of, character(1))
  run_outcrop(c("change", options_of(made), "--", dates), renamed = c(set = "..."))
  table <- read_table(file.path(out, "change.csv"))
  attr(table, "run") <- outcrop_run(out)
  class(table) <- c("outcrop_change", "data.frame")
  table
}

#' @export
print.outcrop_change <- function(x, ...) {
  run <- attr(x, "run", exact = TRUE)
  if (!is.null(run)) {
    cat("Change between two dates\n")
    print_facts(facts_of(run))
  }
  shown <- c("id", "change", "before_m2", "after_m2", "difference_m2", "low_m2", "high_m2", "significant")
  print.data.frame(as.data.frame(x)[intersect(shown, names(x))], ..., row.names = FALSE)
  invisible(x)
}

# The path of one date: a folder, a layer, or the folder of a table.
date_of <- function(given) {
  if (is.character(given)) path.expand(given) else outcrop_run(given)$folder
}

#' Draw a made-up scene with known truth
#'
#' @param out Folder for the files, new or empty.
#' @param task The room.
#' @param seed The same seed draws the same scene.
#' @param ... Settings of the room, e.g. `shape = c(512, 512)`, `deposits = 3`, `swath = TRUE`.
#' @param overwrite Replace files of the same names.
#' @return A list: `scenes` and `masks`, paths; `truth`, what was drawn, by name, e.g. `"tailings area"`
#'   in hectares; `files`, all paths.
#' @examples
#' \dontrun{
#' drawn <- outcrop_draw(seed = 7, shape = c(512, 512))
#' deposits <- outcrop_predict(drawn$scenes)
#' }
#' @export
outcrop_draw <- function(out = tempfile("outcrop-drawn-"), task = "tailings", seed = 0, ..., overwrite = FALSE) {
  made <- list(out = path.expand(out), seed = seed, set = pairs_of(list(...)), overwrite = overwrite)
  done <- run_outcrop(c("draw", task, options_of(made)), renamed = c(set = "..."))
  files <- done$out[file.exists(done$out)]
  masks <- grepl("truth-mask", basename(files), fixed = TRUE) | basename(dirname(files)) == "masks"
  truth <- grep("^truth-.*\\.json$", basename(files))
  pictures <- grepl("\\.(tif|png|sgy|npy)$", files)
  list(
    scenes = files[pictures & !masks], masks = files[pictures & masks],
    truth = if (length(truth)) jsonlite::fromJSON(files[[truth[[1]]]])$truth, files = files
  )
}

#' Rooms and version of the program
#'
#' @return `outcrop_tasks()`: a data frame of the rooms that come with a model: `name`, `title` and
#'   `classes`, a list. `outcrop_version()`: the version as a text, e.g. `"0.1.0"`.
#' @examples
#' \dontrun{
#' outcrop_tasks()
#' outcrop_version()
#' }
#' @export
outcrop_tasks <- function() {
  told <- jsonlite::fromJSON(run_outcrop(c("tasks", "--json"))$out, simplifyVector = FALSE)
  rooms <- data.frame(
    name = vapply(told, function(room) room$name, character(1)),
    title = vapply(told, function(room) room$title, character(1)), stringsAsFactors = FALSE
  )
  rooms$classes <- lapply(told, function(room) unlist(room$classes))
  rooms
}

#' @rdname outcrop_tasks
#' @export
outcrop_version <- function() sub("^outcrop ", "", run_outcrop("--version")$out[[1]])

# A table of the program: text, numbers, and true and false as logical.
read_table <- function(file) {
  table <- utils::read.csv(file, stringsAsFactors = FALSE, check.names = FALSE, encoding = "UTF-8", na.strings = "")
  table[] <- lapply(table, function(column) {
    said <- is.character(column) && all(column %in% c("true", "false", NA))
    if (said && !all(is.na(column))) column == "true" else column
  })
  table
}

# Counts of all parts of a report, by name.
facts_of <- function(run) {
  facts <- unlist(lapply(run$record$sections, function(section) section$facts), recursive = FALSE)
  part <- function(which) vapply(facts, function(fact) as.character(fact[[which]]), character(1))
  stats::setNames(part(2), part(1))
}

print_facts <- function(facts) cat(sprintf("  %10s  %s\n", facts, names(facts)), sep = "")
