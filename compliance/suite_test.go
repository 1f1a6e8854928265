package compliance_test

import (
	"context"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"
	. "github.com/onsi/gomega"
)

// suiteT is for bubbles.
var suiteT *testing.T

func TestCompliance(t *testing.T) {
	suiteT = t
	RegisterFailHandler(Fail)
	suite, reporter := GinkgoConfiguration()
	suite.FailOnEmpty = true // a filter that matches nothing proves nothing
	RunSpecs(t, "The reference peers at the wire", suite, reporter)
}

var sectionLabel = regexp.MustCompile(`^rfc\d{4}-\d+(\.\d+)*$`)

// Label filters are only worth something if nothing is without a label.
var _ = ReportAfterSuite("labels", func(report Report) {
	for _, spec := range report.SpecReports {
		if spec.LeafNodeType != types.NodeTypeIt {
			continue
		}
		labels := spec.Labels()
		Expect(slices.ContainsFunc(labels, sectionLabel.MatchString)).To(BeTrue(), "section of %q", spec.FullText())
		Expect(slices.Contains(labels, string(server))).NotTo(Equal(slices.Contains(labels, string(client))), "role of %q", spec.FullText())
	}
})

// bubble runs a part of a spec in fake time, which passes when all wait. What it
// starts must have ended when it returns.
func bubble(body func(ctx context.Context)) {
	synctest.Test(suiteT, func(*testing.T) {
		defer GinkgoRecover()
		body(context.Background())
	})
}
