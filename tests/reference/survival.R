# Reference values of the tests of Cox, Fine and Gray, Gray's test and Kaplan-Meier; the
# versions that made the values stand in versions.csv. The argument is a folder with the public data
# sets, as tests/helpers/public_data.py writes them. Run from the root of the repository:
#   Rscript tests/reference/survival.R FOLDER
suppressMessages({
  library(survival)
  library(cmprsk)
})
folder <- commandArgs(trailingOnly = TRUE)[1]
out <- "tests/reference"
load_csv <- function(name)
  read.csv(file.path(folder, name), na.strings = c("", "NA"))
write_csv <- function(rows, name) {
  rows[] <- lapply(rows, function(x) if (is.double(x)) formatC(x, digits = 12, format = "g", width = 1) else x)
  write.csv(rows, file.path(out, name), row.names = FALSE, quote = FALSE)
}
precise <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
coefficients_of <- function(data, exit, estimator, fit, terms, robust = FALSE) {
  variance <- if (robust && !is.null(fit$naive.var)) fit$var else vcov(fit)
  data.frame(data = data, exit = exit, estimator = estimator, term = terms,
             estimate = unname(coef(fit)), standard_error = sqrt(diag(variance)),
             log_likelihood = if (is.null(fit$loglik)) NA else fit$loglik[2])
}

# --- data ---------------------------------------------------------------------------------------
mgus <- load_csv("mgus2.csv")
mgus$time <- ifelse(mgus$pstat == 1, mgus$ptime, mgus$futime)
mgus$state <- ifelse(mgus$pstat == 1, 1, 2 * mgus$death)
mgus$male <- as.numeric(mgus$sex == "M")
aids <- load_csv("aidssi.csv")
aids <- aids[!is.na(aids$ccr5), ]
aids$mutant <- as.numeric(aids$ccr5 == "WM")
aids$state <- aids$status
sex <- load_csv("first_sex.csv")
rossi <- load_csv("rossi.csv")
rossi$financial <- as.numeric(rossi$fin == "yes")
weeks <- do.call(rbind, lapply(seq_len(nrow(rossi)), function(i) {
  n <- rossi$week[i]
  employed <- as.numeric(unlist(rossi[i, paste0("emp", 1:52)])[seq_len(n)] == "yes")
  data.frame(person = i, start = 0:(n - 1), stop = 1:n,
             arrest = as.numeric(rossi$arrest[i] & 1:n == n),
             financial = rossi$financial[i], age = rossi$age[i], prio = rossi$prio[i],
             employed = employed, employed_before = c(NA, employed[-n]))
}))
# entered a year and a half late, if still there, every third person
mgus$entry <- ifelse(seq_len(nrow(mgus)) %% 3 == 0, 18, 0)
late <- mgus[mgus$time > mgus$entry, ]

# --- Cox ----------------------------------------------------------------------------------------
cox <- NULL
for (ties in c("efron", "breslow")) {
  for (k in 1:2) {
    fit <- coxph(Surv(time, state == k) ~ age + male, mgus, ties = ties, control = precise)
    cox <- rbind(cox, coefficients_of("mgus2", c("pcm", "death")[k], ties, fit, c("age", "male")))
    fit <- coxph(Surv(entry, time, state == k) ~ age + male, late, ties = ties, control = precise)
    cox <- rbind(cox, coefficients_of("mgus2_late", c("pcm", "death")[k], ties, fit, c("age", "male")))
    fit <- coxph(Surv(time, state == k) ~ mutant, aids, ties = ties, control = precise)
    cox <- rbind(cox, coefficients_of("aidssi", c("AIDS", "SI")[k], ties, fit, "mutant"))
  }
  fit <- coxph(Surv(grade, censor == 0) ~ parental_transition + parental_antisociality, sex,
               ties = ties, control = precise)
  cox <- rbind(cox, coefficients_of("first_sex", "first_sex", ties, fit,
                                    c("parental_transition", "parental_antisociality")))
  fit <- coxph(Surv(start, stop, arrest) ~ financial + age + prio + employed, weeks,
               ties = ties, control = precise)
  cox <- rbind(cox, coefficients_of("rossi", "arrest", ties, fit,
                                    c("financial", "age", "prio", "employed")))
  fit <- coxph(Surv(start, stop, arrest) ~ financial + age + prio + employed_before, weeks,
               ties = ties, control = precise)
  cox <- rbind(cox, coefficients_of("rossi_before", "arrest", ties, fit,
                                    c("financial", "age", "prio", "employed_before")))
}
fit <- coxph(Surv(time, state == 2) ~ age + strata(male), mgus, ties = "efron", control = precise)
cox <- rbind(cox, coefficients_of("mgus2_strata", "death", "efron", fit, "age"))
fit <- coxph(Surv(start, stop, arrest) ~ financial + age + prio + employed + cluster(person), weeks,
             ties = "efron", control = precise)
cox <- rbind(cox, coefficients_of("rossi_robust", "arrest", "efron", fit,
                                  c("financial", "age", "prio", "employed"), robust = TRUE))
write_csv(cox, "cox.csv")

# --- Fine and Gray ------------------------------------------------------------------------------
weighted <- function(data, formula, exits, rows, terms) {
  found <- NULL
  rows$state <- factor(rows$state, 0:2, c("stay", exits))
  rows$id <- seq_len(nrow(rows))
  for (exit in exits) {
    long <- finegray(formula, rows, etype = exit, id = id)
    for (ties in c("efron", "breslow")) {
      fit <- coxph(as.formula(paste("Surv(fgstart, fgstop, fgstatus) ~", paste(terms, collapse = "+"),
                                    "+ cluster(id)")),
                   long, weights = fgwt, ties = ties, control = precise)
      found <- rbind(found, coefficients_of(data, exit, ties, fit, terms, robust = TRUE))
    }
  }
  found
}
by_crr <- function(data, exits, rows, terms) {
  found <- NULL
  for (k in seq_along(exits)) {
    fit <- crr(rows$time, rows$state, as.matrix(rows[terms]), failcode = k, cencode = 0,
               gtol = 1e-12, maxiter = 50)
    found <- rbind(found, data.frame(data = data, exit = exits[k], estimator = "crr", term = terms,
                                     estimate = unname(fit$coef),
                                     standard_error = sqrt(diag(fit$var)), log_likelihood = NA))
  }
  found
}
fine_gray <- rbind(
  weighted("mgus2", Surv(time, state) ~ ., c("pcm", "death"),
           mgus[c("time", "state", "age", "male")], c("age", "male")),
  weighted("mgus2_late", Surv(entry, time, state) ~ ., c("pcm", "death"),
           late[c("entry", "time", "state", "age", "male")], c("age", "male")),
  weighted("aidssi", Surv(time, state) ~ ., c("AIDS", "SI"), aids[c("time", "state", "mutant")],
           "mutant"),
  by_crr("mgus2", c("pcm", "death"), mgus, c("age", "male")),
  by_crr("aidssi", c("AIDS", "SI"), aids, "mutant")
)
write_csv(fine_gray, "fine_gray.csv")

# --- Gray's test --------------------------------------------------------------------------------
gray <- NULL
tested <- function(data, exits, rows, group) {
  tests <- cuminc(rows$time, rows$state, rows[[group]], cencode = 0)$Tests
  data.frame(data = data, group = group, exit = exits, statistic = unname(tests[, "stat"]),
             freedom = as.integer(tests[, "df"]), p_value = unname(tests[, "pv"]))
}
mgus$age_group <- cut(mgus$age, c(0, 60, 70, 80, 120), labels = FALSE)
gray <- rbind(
  tested("mgus2", c("pcm", "death"), mgus, "sex"),
  tested("mgus2", c("pcm", "death"), mgus, "age_group"),
  tested("aidssi", c("AIDS", "SI"), aids, "ccr5")
)
write_csv(gray, "gray.csv")

# --- Kaplan-Meier -------------------------------------------------------------------------------
at <- c(12, 60, 120, 240)
kept <- function(data, exit, fit) {
  found <- summary(fit, times = at)
  data.frame(data = data, exit = exit, month = found$time, n_at_risk = found$n.risk,
             survival = found$surv, lower = found$lower, upper = found$upper)
}
kaplan_meier <- rbind(
  kept("mgus2", "any", survfit(Surv(time, state > 0) ~ 1, mgus, conf.type = "log-log")),
  kept("mgus2", "pcm", survfit(Surv(time, state == 1) ~ 1, mgus, conf.type = "log-log")),
  kept("mgus2_late", "death", survfit(Surv(entry, time, state == 2) ~ 1, late, conf.type = "log-log"))
)
write_csv(kaplan_meier, "kaplan_meier.csv")

versions <- data.frame(
  package = c("R", "survival", "cmprsk"),
  version = c(paste(R.version$major, R.version$minor, sep = "."),
              as.character(packageVersion("survival")), as.character(packageVersion("cmprsk")))
)
write.csv(versions, file.path(out, "versions.csv"), row.names = FALSE, quote = FALSE)
