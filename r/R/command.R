# The program `outcrop` as a process of its own: where it is, what it is told, what it says.

# Options whose several values go into one text, and what stands between them.
JOINED <- c(bands = ",", spacing = ",", shape = "x", assume = ":")

# Options whose names of values mean something: NAME=VALUE.
PAIRED <- c("assume", "byte", "registry_column")

# Options that take no value, as an R user says them.
FLAGS <- c("overwrite", "no_area", "resume")

# Set by spatial packages for their own data files. The program carries other versions of these
# libraries, which must not read them.
FOREIGN <- c("PROJ_LIB", "PROJ_DATA", "GDAL_DATA", "GDAL_DRIVER_PATH")

# Unbroken lines, no colours and no frames, whatever the width of the user's terminal.
PLAIN <- c(TERMINAL_WIDTH = "1000", COLUMNS = "1000", TYPER_USE_RICH = "0", NO_COLOR = "1", PYTHONUTF8 = "1")

# The program and its first arguments.
outcrop_command <- function() {
  given <- getOption("outcropr.command")
  if (is.null(given)) given <- Sys.getenv("OUTCROP", "outcrop")
  program <- Sys.which(path.expand(given[[1]]))
  if (!nzchar(program)) {
    refuse("command", sprintf(paste(
      "the program '%s' was not found: install Outcrop, or say where it is with",
      "options(outcropr.command = \"/path/of/outcrop\")"
    ), given[[1]]))
  }
  c(unname(program), given[-1])
}

# Run a verb; `renamed` are arguments of the R function that are called otherwise than their options.
# Gives list(status, out): 0 or 4 (some inputs refused), and lines of standard output. Stops otherwise.
run_outcrop <- function(arguments, renamed = character()) {
  command <- outcrop_command()
  files <- tempfile(c("outcrop-out-", "outcrop-err-"))
  before <- Sys.getenv(c(FOREIGN, names(PLAIN)), unset = NA, names = TRUE)
  on.exit({
    unlink(files)
    restore_environment(before)
  })
  Sys.unsetenv(FOREIGN)
  do.call(Sys.setenv, as.list(PLAIN))
  quoting <- if (.Platform$OS.type == "windows") "cmd" else "sh"
  status <- suppressWarnings(system2(
    command[[1]], shQuote(c(command[-1], arguments), type = quoting), stdout = files[[1]], stderr = files[[2]]
  ))
  said <- lapply(files, function(file) {
    if (file.exists(file)) readLines(file, warn = FALSE, encoding = "UTF-8") else character()
  })
  if (!status %in% c(0, 4)) refuse(kind_of(status), complaint(said[[2]], status, renamed))
  list(status = status, out = said[[1]])
}

restore_environment <- function(before) {
  there <- !is.na(before)
  Sys.unsetenv(names(before)[!there])
  if (any(there)) do.call(Sys.setenv, as.list(before[there]))
}

# Exit status of the program -> last word of the class of the error.
kind_of <- function(status) {
  kinds <- c("2" = "usage", "3" = "input")
  kind <- kinds[as.character(status)]
  if (is.na(kind)) "defect" else unname(kind)
}

# What the program complained of, as one text.
complaint <- function(lines, status, renamed = character()) {
  found <- sub("^(outcrop|Error): ", "", grep("^(outcrop|Error): ", lines, value = TRUE))
  # Older versions of the program's command line frame what they say of a wrong option.
  if (!length(found)) found <- trimws(gsub("[|\u2502]", "", grep("^[|\u2502]", lines, value = TRUE)))
  found <- found[!grepl("^[0-9]+ of [0-9]+ inputs were refused$", found)]
  if (!length(found)) {
    last <- utils::tail(lines[nzchar(trimws(lines))], 1)
    found <- paste0("outcrop stopped with status ", status, if (length(last)) paste0(": ", last))
  }
  itemise(in_words_of_r(found, renamed))
}

# Several sentences as a list, one as it is.
itemise <- function(sentences, most = 8) {
  if (length(sentences) < 2) return(sentences)
  more <- length(sentences) - most
  shown <- c(utils::head(sentences, most), if (more > 0) paste("and", more, "more"))
  paste0("\n", paste("-", shown, collapse = "\n"))
}

# Options in a sentence of the program, as the arguments that an R user gives.
in_words_of_r <- function(sentences, renamed = character()) {
  option <- "(?<![^[:space:]('\"`])--([a-z][a-z-]*[a-z])"
  places <- gregexpr(option, sentences, perl = TRUE)
  regmatches(sentences, places) <- lapply(regmatches(sentences, places), function(options) {
    names <- gsub("-", "_", sub("^--", "", options))
    known <- names %in% names(renamed)
    names[known] <- renamed[names[known]]
    sprintf("`%s%s`", names, ifelse(names %in% FLAGS, " = TRUE", ""))
  })
  gsub("'`([^`']*)`'", "`\\1`", sentences)
}

# Stop with a condition of the classes outcrop_error_<kind> and outcrop_error.
refuse <- function(kind, sentence) {
  classes <- c(paste0("outcrop_error_", kind), "outcrop_error", "error", "condition")
  stop(structure(class = classes, list(message = sentence, call = NULL)))
}

# Named values -> options of the command line.
options_of <- function(values) {
  if (!length(values)) return(character())
  if (is.null(names(values)) || !all(nzchar(names(values)))) {
    refuse("usage", "an argument without a name was given: name it as the option it stands for, e.g. threshold = 0.6")
  }
  unlist(Map(one_option, names(values), values), use.names = FALSE)
}

one_option <- function(name, value) {
  option <- paste0("--", gsub("_", "-", name))
  if (is.null(value) || isFALSE(value)) return(NULL)
  if (isTRUE(value)) return(option)
  texts <- if (name %in% PAIRED) pairs_of(value) else texts_of(value, name)
  if (!length(texts)) return(NULL)
  as.vector(rbind(option, texts))
}

# Named values -> NAME=VALUE texts.
pairs_of <- function(values) {
  values <- Filter(Negate(is.null), as.list(values))
  if (!length(values)) return(character())
  if (is.null(names(values)) || !all(nzchar(names(values)))) {
    refuse("usage", "a setting without a name was given: give each as name = value")
  }
  texts <- Map(function(name, value) {
    joint <- if (name %in% names(JOINED)) JOINED[[name]] else ":"
    paste(texts_of(value), collapse = joint)
  }, names(values), values)
  paste0(names(values), "=", unlist(texts))
}

# Values as the program reads them, several of some options in one text.
texts_of <- function(values, name = "") {
  if (anyNA(values)) refuse("usage", sprintf("a value of `%s` is missing (NA): give one, or NULL for none", name))
  texts <- vapply(values, function(value) {
    if (is.logical(value)) return(if (value) "yes" else "no")
    if (is.numeric(value)) return(format(value, digits = 15, scientific = FALSE, trim = TRUE))
    as.character(value)
  }, character(1), USE.NAMES = FALSE)
  if (length(texts) && name %in% names(JOINED)) paste(texts, collapse = JOINED[[name]]) else texts
}
