"use strict";
/* The explorer's arithmetic: ensembles scored in the page as `ensembles/` scores them in Python.

   Pure functions of the embedded data; nothing here touches the document. Everything is float64.
   Sums over members run in the members' order and sums over classes in class order, as numpy's do,
   and rows are normalised before the highest class is sought, so ties fall as they do in Python:
   to the lowest class, and for a vote to the class whose voters are surer of it.

   Layout: values of one member are one Float64Array of N × C, row by row. */
globalThis.explorer = (() => {
  const TIE_BONUS = 1e-9; // fusion.TIE_BONUS

  function decode(base64) {
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    const view = new DataView(bytes.buffer); // little-endian, whatever the reader's machine is
    const values = new Float64Array(bytes.length / 4);
    for (let i = 0; i < values.length; i += 1) values[i] = view.getFloat32(4 * i, true);
    return values;
  }

  function load(data) {
    return {
      ...data,
      images: data.labels.length,
      leaked: new Set(data.duplicates),
      members: data.members.map((member) => ({
        ...member,
        values: decode(member.logits),
        cache: new Map(),
      })),
    };
  }

  function highest(values, start, count) {
    let best = 0;
    for (let c = 1; c < count; c += 1) if (values[start + c] > values[start + best]) best = c;
    return best;
  }

  /* Softmax of each row, or its logarithm. */
  function softmax(values, classes, logarithm) {
    const out = new Float64Array(values.length);
    for (let row = 0; row < values.length; row += classes) {
      const top = values[row + highest(values, row, classes)];
      let total = 0;
      for (let k = row; k < row + classes; k += 1) {
        const power = Math.exp(values[k] - top);
        out[k] = logarithm ? values[k] - top : power;
        total += power;
      }
      const log = Math.log(total);
      for (let k = row; k < row + classes; k += 1) {
        out[k] = logarithm ? out[k] - log : out[k] / total;
      }
    }
    return out;
  }

  /* (Log-)probabilities of one member, computed once for each temperature that is asked for. */
  function outputs(model, index, temperature, logarithm) {
    const member = model.members[index];
    const key = `${temperature}${logarithm}`;
    if (!member.cache.has(key)) {
      const scaled = temperature ? member.values.map((x) => x / member.temperature) : member.values;
      member.cache.set(key, softmax(scaled, model.classes.length, logarithm));
    }
    return member.cache.get(key);
  }

  /* One weight for each member and class: [member][class], summing to one over members. */
  function weights(model, config) {
    const chosen = config.members.map((index) => model.members[index]);
    const classes = model.classes.length;
    let rows = chosen.map(() => new Array(classes).fill(1));
    if (config.weighting === "accuracy" && chosen.some((member) => member.accuracy > 0)) {
      rows = chosen.map((member) => new Array(classes).fill(member.accuracy));
    } else if (config.weighting === "per_class") {
      const known = model.classes.map((_, c) => chosen.some((member) => member.recalls[c] > 0));
      rows = chosen.map((member) => member.recalls.map((recall, c) => (known[c] ? recall : 1)));
    } else if (config.weighting === "exponential") {
      const floor = 0.5 / model.validation_images; // zero has no negative powers
      const logs = chosen.map((m) => config.exponent * Math.log(Math.max(m.accuracy, floor)));
      const top = Math.max(...logs);
      rows = logs.map((log) => new Array(classes).fill(Math.exp(log - top)));
    }
    const totals = model.classes.map((_, c) => rows.reduce((sum, row) => sum + row[c], 0));
    return rows.map((row) => row.map((weight, c) => weight / totals[c]));
  }

  function weightedSum(model, config) {
    const classes = model.classes.length;
    const geometric = config.weighting === "geometric";
    const fused = new Float64Array(model.images * classes);
    const all = weights(model, config);
    config.members.forEach((index, m) => {
      const values = outputs(model, index, config.temperature, geometric);
      const row = all[m];
      for (let k = 0, c = 0; k < fused.length; k += 1, c = c + 1 === classes ? 0 : c + 1) {
        fused[k] += row[c] * values[k];
      }
    });
    if (geometric) return softmax(fused, classes, false);
    for (let row = 0; row < fused.length; row += classes) {
      let total = 0;
      for (let k = row; k < row + classes; k += 1) total += fused[k];
      for (let k = row; k < row + classes; k += 1) fused[k] /= total;
    }
    return fused;
  }

  function vote(model, config) {
    const classes = model.classes.length;
    const votes = new Float64Array(model.images * classes);
    const sure = new Float64Array(model.images * classes);
    for (const index of config.members) {
      const values = outputs(model, index, config.temperature, false);
      for (let row = 0; row < values.length; row += classes) {
        const choice = row + highest(values, row, classes);
        votes[choice] += 1;
        sure[choice] += values[choice];
      }
    }
    for (let row = 0; row < votes.length; row += classes) {
      const most = votes[row + highest(votes, row, classes)];
      let winner = -1;
      for (let k = row; k < row + classes; k += 1) {
        const tied = votes[k] === most;
        if (tied && (winner < 0 || sure[k] / votes[k] > sure[winner] / votes[winner])) winner = k;
      }
      votes[winner] += TIE_BONUS;
    }
    return votes;
  }

  /* scoring.interval: quantiles of the binomial distribution, the bootstrap without drawing. */
  function interval(right, images) {
    if (right === 0 || right === images) return [right / images, right / images];
    const logs = new Float64Array(images + 1); // log k!
    for (let k = 2; k <= images; k += 1) logs[k] = logs[k - 1] + Math.log(k);
    const [yes, no] = [Math.log(right / images), Math.log((images - right) / images)];
    let [sum, low] = [0, -1];
    for (let k = 0; k <= images; k += 1) {
      const choose = logs[images] - logs[k] - logs[images - k];
      sum += Math.exp(choose + k * yes + (images - k) * no);
      if (low < 0 && sum >= 0.025) low = k;
      if (sum >= 0.975) return [low / images, k / images];
    }
    return [low / images, 1];
  }

  function predict(model, config) {
    const fused = config.weighting === "vote" ? vote(model, config) : weightedSum(model, config);
    const classes = model.classes.length;
    return model.labels.map((_, i) => highest(fused, i * classes, classes));
  }

  /* config: {members: [index], weighting, exponent, temperature}. Counts are of images.
     confusion: [true class][predicted class]. unique: without images that stand in training. */
  function evaluate(model, config) {
    const predicted = predict(model, config);
    const confusion = model.classes.map(() => new Array(model.classes.length).fill(0));
    let [right, uniqueRight] = [0, 0];
    predicted.forEach((choice, i) => {
      confusion[model.labels[i]][choice] += 1;
      if (choice !== model.labels[i]) return;
      right += 1;
      if (!model.leaked.has(i)) uniqueRight += 1;
    });
    const unique = model.images - model.leaked.size;
    const [low, high] = interval(right, model.images);
    return {
      predicted,
      confusion,
      right,
      accuracy: right / model.images,
      low,
      high,
      unique: unique > 0 ? uniqueRight / unique : null,
    };
  }

  return { load, evaluate, weights, interval };
})();
