# Reference values of the public data sets whose models are bundled (mgus2, aidssi): the published
# cause-specific Cox models, the maximum of the discrete likelihood of the model file, and that
# maximum under its priors. Between the first two lies what months and intervals do, between the
# last two what the priors do; `mean` is the mean of that posterior, to first order. Versions:
# versions.csv. The argument is a folder with the data, as tests/helpers/public_data.py writes them:
#   Rscript tests/reference/public.R FOLDER
suppressMessages(library(survival))
folder <- commandArgs(trailingOnly = TRUE)[1]
precise <- coxph.control(eps = 1e-12, toler.chol = 1e-13, iter.max = 50)
rows <- NULL

# Hazards exp(x b) of two exits, constant within a month: P(exit j) = h_j / H (1 - exp(-H)).
# One row per person and interval: `stayed` months without exit, and perhaps one with `exit`.
maximum <- function(x, stayed, exit, precision, mean) {
  k <- ncol(x)
  minus <- function(b) {
    h <- exp(x %*% matrix(b, k))
    total <- rowSums(h)
    left <- exit > 0
    chosen <- h[cbind(which(left), exit[left])]
    off <- b - mean
    sum(stayed * total) - sum(log(chosen / total[left] * -expm1(-total[left]))) +
      0.5 * sum(off * (precision %*% off))
  }
  slope <- function(b) {
    h <- exp(x %*% matrix(b, k))
    total <- rowSums(h)
    left <- exit > 0
    one <- ifelse(left, 1 / expm1(pmax(total, 1e-12)) - 1 / total, 0) - stayed
    by <- one * h
    by[cbind(which(left), exit[left])] <- by[cbind(which(left), exit[left])] + 1
    -as.vector(crossprod(x, by)) + as.vector(precision %*% (b - mean))
  }
  b <- rep(0, 2 * k)
  b[c(1, k + 1)] <- -5
  bend <- function(b) { # differences of the slope
    e <- 1e-5
    m <- sapply(seq_along(b), function(i) {
      up <- b; down <- b; up[i] <- up[i] + e; down[i] <- down[i] - e
      (slope(up) - slope(down)) / (2 * e)
    })
    (m + t(m)) / 2
  }
  b <- optim(b, minus, slope, method = "BFGS", control = list(maxit = 2000, reltol = 1e-14))$par
  for (i in 1:10) b <- b - solve(bend(b), slope(b))
  stopifnot(max(abs(slope(b))) < 1e-6)
  # To first order the mean of the posterior is half of S' times the third derivatives of the
  # log-likelihood, contracted with the covariance S, away from its maximum.
  covariance <- solve(bend(b))
  by_row <- function(eta) {
    h <- exp(eta)
    total <- rowSums(h)
    left <- exit > 0
    g <- (ifelse(left, 1 / expm1(pmax(total, 1e-12)) - 1 / total, 0) - stayed) * h
    g[cbind(which(left), exit[left])] <- g[cbind(which(left), exit[left])] + 1
    g
  }
  one <- 1:k
  two <- k + one
  v11 <- rowSums((x %*% covariance[one, one]) * x)
  v12 <- rowSums((x %*% covariance[one, two]) * x)
  v22 <- rowSums((x %*% covariance[two, two]) * x)
  ways <- list(cbind(sqrt(v11), v12 / sqrt(v11)), cbind(0, sqrt(v22 - v12^2 / v11)))
  eta <- x %*% matrix(b, k)
  e <- 1e-3
  bent <- Reduce(`+`, lapply(ways, function(w)
    (by_row(eta + e * w) - 2 * by_row(eta) + by_row(eta - e * w)) / e^2))
  mean_b <- b + 0.5 * as.vector(covariance %*% as.vector(crossprod(x, bent)))
  list(b = b, error = sqrt(diag(covariance)), mean = mean_b)
}

reference <- function(data, time, state, exits, z, breaks, prior) {
  widths <- c(breaks[-1], Inf) - breaks
  long <- do.call(rbind, lapply(seq_along(breaks), function(i) {
    here <- which(time >= breaks[i])
    last <- time[here] < breaks[i] + widths[i]
    months <- pmin(time[here] - breaks[i] + 1, widths[i])
    exit <- ifelse(last, state[here], 0)
    data.frame(person = here, interval = i, stayed = months - (exit > 0), exit = exit)
  }))
  level <- outer(long$interval, 2:length(breaks), "==") * 1
  centred <- z
  if (prior$centred) centred[, 1] <- z[, 1] - mean(z[, 1]) # the intercept is that of the mean person
  x <- cbind(1, level, centred[long$person, , drop = FALSE])
  steps <- length(breaks) - 1
  d <- diag(steps)
  d[cbind(2:steps, 1:(steps - 1))] <- -1 # the first level is a step from 0
  walk <- t(d) %*% diag(1 / c(prior$start, rep(prior$scale, steps - 1))^2) %*% d
  own <- matrix(0, ncol(x), ncol(x))
  own[1, 1] <- 1 / 2.5^2
  own[1 + 1:steps, 1 + 1:steps] <- walk
  k <- 1 + steps
  own[cbind(k + seq_len(ncol(z)), k + seq_len(ncol(z)))] <- 1 / prior$z^2
  precision <- kronecker(diag(2), own)
  mean <- rep(c(-6, rep(0, ncol(x) - 1)), 2)
  # an interval without any exit has no maximum: all but the covariates are held by a hair
  hair <- diag(rep(c(rep(1e-6, k), rep(0, ncol(z))), 2))
  plain <- maximum(x, long$stayed, long$exit, hair, mean)
  pulled <- maximum(x, long$stayed, long$exit, precision, mean)
  for (j in 1:2) {
    fit <- coxph(Surv(prior$exact, state == j) ~ z, control = precise)
    at <- (j - 1) * ncol(x) + k + seq_len(ncol(z))
    rows <<- rbind(rows, data.frame(
      data = data, exit = exits[j], term = colnames(z), cox = coef(fit), cox_error = sqrt(diag(vcov(fit))),
      discrete = plain$b[at], discrete_error = plain$error[at],
      penalised = pulled$b[at], penalised_error = pulled$error[at],
      mean = pulled$mean[at]))
  }
}

own <- read.csv(file.path(folder, "mgus2.csv"))
time <- ifelse(own$pstat == 1, own$ptime, own$futime)
state <- ifelse(own$pstat == 1, 1, 2 * own$death)
z <- cbind(age = own$age, sex = as.numeric(own$sex == "M"))
there <- time >= 1 # a spell of no month says nothing of a month
breaks <- c(1, 2, 4, 7, 13, 25, 37, 61, 85, 121, 181, 241)
reference("mgus2", time[there], state[there], c("pcm", "death"), z[there, ], breaks,
          list(start = 1, scale = 0.5, z = c(0.25, 1), centred = TRUE, exact = time[there]))

own <- subset(read.csv(file.path(folder, "aidssi.csv")), !is.na(ccr5) & ccr5 != "")
z <- cbind(ccr5 = as.numeric(own$ccr5 == "WM"))
breaks <- c(1, 25, 37, 49, 61, 73, 85, 97, 109, 121, 133, 145)
reference("aidssi", ceiling(own$time * 12), own$status, c("AIDS", "SI"), z, breaks,
          list(start = 2, scale = 1, z = 2.5, centred = FALSE, exact = own$time))

rows[] <- lapply(rows, function(v) if (is.double(v)) formatC(v, digits = 10, format = "g", width = 1) else v)
write.csv(rows, "tests/reference/public.csv", row.names = FALSE, quote = FALSE)
